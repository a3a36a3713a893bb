with

order_items as (
    select *
    from {{ ref('base_shop__order_items') }}
    where _reject_reason is null and _row_rank = 1
),

fences as (
    select {{ fences(['quantity', 'unit_price']) }}
    from order_items
)

select
    order_items.order_item_id,
    order_items.order_id,
    order_items.product_id,
    order_items.quantity,
    order_items.unit_price,
    order_items.original_unit_price,
    order_items.description,
    {{ is_outlier('quantity') }} as is_outlier_quantity,
    {{ is_outlier('unit_price') }} as is_outlier_unit_price,
    order_items.duplicate_rows
from order_items
cross join fences
