with

order_items as (
    select *
    from {{ ref('base_shop__order_items') }}
    where _reject_reason is null and _row_rank = 1
),

-- Exact percentiles: approximate ones may differ from one run or engine to the next.
quartiles as (
    select
        percentile(quantity, 0.25) as quantity_q1,
        percentile(quantity, 0.75) as quantity_q3,
        percentile(unit_price, 0.25) as price_q1,
        percentile(unit_price, 0.75) as price_q3
    from order_items
)

select
    order_items.order_item_id,
    order_items.order_id,
    order_items.product_id,
    order_items.quantity,
    order_items.unit_price,
    order_items.description,
    {{ is_outlier('order_items.quantity', 'quartiles.quantity_q1', 'quartiles.quantity_q3') }} as is_outlier_quantity,
    {{ is_outlier('order_items.unit_price', 'quartiles.price_q1', 'quartiles.price_q3') }} as is_outlier_unit_price,
    order_items.duplicate_rows
from order_items
cross join quartiles
