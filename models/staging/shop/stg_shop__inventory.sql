with

inventory as (
    select *
    from {{ ref('base_shop__inventory') }}
    where _reject_reason is null and _row_rank = 1
),

fences as (
    select {{ fences(['on_hand']) }}
    from inventory
)

select
    inventory.store_id,
    inventory.product_id,
    inventory.stock_date,
    inventory.on_hand,
    inventory.on_order,
    {{ is_outlier('on_hand') }} as is_outlier_on_hand,
    inventory.duplicate_rows
from inventory
cross join fences
