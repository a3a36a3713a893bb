select
    product_id,
    product_name,
    category,
    brand,
    -- A missing price is filled with the mean of its category, or of all products where the category has none.
    cast(coalesce(
        list_price,
        avg(list_price) over (partition by category),
        avg(list_price) over ()
    ) as decimal(18, 4)) as list_price,
    list_price is null as is_filled_list_price,
    unit_cost,
    launched_at,
    duplicate_rows
from {{ ref('base_shop__products') }}
where _reject_reason is null and _row_rank = 1
