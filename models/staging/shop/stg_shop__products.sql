with

products as (
    select *
    from {{ ref('base_shop__products') }}
    where _reject_reason is null and _row_rank = 1
),

unit_costs as (
    select product_id, unit_cost
    from {{ ref('stg_shop__estimated_unit_costs') }}
),

category_means as (
    select category, avg(list_price) as list_price
    from products
    group by category
),

means as (
    select avg(list_price) as list_price
    from products
),

-- A missing price is filled with the mean of its category, or of all products where the category has none.
filled as (
    select
        products.*,
        coalesce(category_means.list_price, means.list_price) as mean_list_price,
        unit_costs.unit_cost as estimated_unit_cost
    from products
    cross join means
    left join category_means on products.category = category_means.category
    left join unit_costs on products.product_id = unit_costs.product_id
)

select
    product_id,
    product_name,
    category,
    brand,
    cast(coalesce(list_price, mean_list_price) as decimal(18, 4)) as list_price,
    {{ is_filled('list_price', 'mean_list_price') }} as is_filled_list_price,
    cast(coalesce(unit_cost, estimated_unit_cost) as decimal(18, 4)) as unit_cost,
    {{ is_filled('unit_cost', 'estimated_unit_cost') }} as is_filled_unit_cost,
    launched_at,
    currency,
    duplicate_rows
from filled
