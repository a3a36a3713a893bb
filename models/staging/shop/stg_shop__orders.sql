select
    order_id,
    customer_id,
    store_id,
    channel,
    status,
    ordered_at,
    paid_at,
    discount_amount,
    shipping_amount,
    coupon_id,
    duplicate_rows
from {{ ref('base_shop__orders') }}
where _reject_reason is null and _row_rank = 1
