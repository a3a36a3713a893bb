-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
with

refunds as (
    select * from {{ ref('stg_shop__refunds') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
),

order_items as (
    select order_item_id, order_id from {{ ref('fct_order_items') }}
),

-- An order may say that it was refunded where no refund does; on which day is not known.
said as (
    select orders.*
    from orders
    left anti join refunds on orders.order_id = refunds.order_id
    where orders.status = 'refunded' and orders.refunded_amount > 0
),

all_refunds as (
    select
        refund_id, order_id, order_item_id, amount, original_amount, refunded_at, 'refund' as basis
    from refunds
    union all
    select
        concat('order ', order_id) as refund_id, order_id, cast(null as string) as order_item_id,
        refunded_amount as amount, original_net_amount as original_amount, ordered_at as refunded_at, 'status' as basis
    from said
)

select
    all_refunds.refund_id,
    all_refunds.order_id,
    order_items.order_item_id,
    orders.customer_id,
    orders.store_id,
    cast(all_refunds.amount as decimal(18, 4)) as amount,
    all_refunds.refunded_at,
    {{ business_date('all_refunds.refunded_at') }} as refund_date,
    orders.order_date,
    not orders.is_cancelled and orders.item_count > 0 as is_counted,
    all_refunds.basis,
    orders.currency,
    cast(all_refunds.original_amount as decimal(18, 4)) as original_amount
from all_refunds
inner join orders on all_refunds.order_id = orders.order_id
left join order_items
    on all_refunds.order_item_id = order_items.order_item_id and all_refunds.order_id = order_items.order_id
