with

orders as (
    select *
    from {{ ref('base_shop__orders') }}
    where _reject_reason is null and _row_rank = 1
),

customers as (
    {{ known_customers() }}
)

select
    orders.order_id,
    orders.customer_id,
    {{ is_unknown('customer_id', 'customers') }} as is_unknown_customer,
    orders.store_id,
    orders.channel,
    orders.status,
    orders.ordered_at,
    orders.paid_at,
    orders.discount_amount,
    orders.shipping_amount,
    orders.coupon_id,
    orders.currency,
    orders.exchange_rate,
    orders.original_discount_amount,
    orders.duplicate_rows
from orders
left join customers on orders.customer_id = customers.known_customer_id
