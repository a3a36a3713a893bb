select
    refund_id,
    order_id,
    order_item_id,
    amount,
    original_amount,
    refunded_at,
    duplicate_rows
from {{ ref('base_shop__refunds') }}
where _reject_reason is null and _row_rank = 1
