-- depends_on: {{ ref('gate_core') }}
with

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

orders as (
    select * from {{ ref('fct_orders') }} where not is_cancelled
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

facts as (
    select
        orders.customer_id,
        orders.order_date as happened_on,
        datediff(as_of.as_of_date, orders.order_date) as days_ago,
        {{ business_hour('orders.ordered_at') }} as hour,
        {{ iso_weekday('orders.order_date') }} as weekday,
        orders.channel,
        orders.store_id,
        orders.status,
        orders.net_amount,
        orders.discount_amount,
        orders.shipping_amount
    from orders
    inner join customers on orders.customer_id = customers.customer_id
    inner join as_of on orders.order_date <= as_of.as_of_date
)

select
    customer_id
    {{- catalogued_columns('orders') }}
from facts
group by customer_id
