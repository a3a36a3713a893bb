-- depends_on: {{ ref('gate_core') }}
with

orders as (
    select * from {{ ref('fct_orders') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

refunds as (
    select order_id, sum(amount) as amount
    from {{ ref('fct_refunds') }}
    cross join as_of
    where is_counted and refund_date <= as_of_date
    group by order_id
)

select
    orders.order_id,
    orders.customer_id,
    orders.order_date,
    cast({{ order_value('orders') }} - {{ refund_value('coalesce(refunds.amount, 0)') }} as decimal(18, 4)) as order_value
from orders
cross join as_of
left join refunds on orders.order_id = refunds.order_id
where not orders.is_cancelled and orders.order_date <= as_of.as_of_date
