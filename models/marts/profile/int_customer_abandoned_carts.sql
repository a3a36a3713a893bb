-- depends_on: {{ ref('gate_core') }}
with

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

events as (
    select * from {{ ref('fct_events') }} where event_type in ('cart', 'remove_from_cart')
),

orders as (
    select * from {{ ref('fct_orders') }} where not is_cancelled
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- Visits of the last 7 days that left something in the cart.
carts as (
    select
        events.customer_id,
        events.session_id,
        min(events.occurred_at) as first_cart_at,
        max(events.occurred_at) as last_cart_at
    from events
    inner join customers on events.customer_id = customers.customer_id
    inner join as_of
        on events.event_date <= as_of.as_of_date
        and events.event_date > date_sub(as_of.as_of_date, 7)
    group by events.customer_id, events.session_id
    having count_if(events.event_type = 'cart') > count_if(events.event_type = 'remove_from_cart')
),

known_orders as (
    select orders.customer_id, orders.ordered_at
    from orders
    inner join as_of on orders.order_date <= as_of.as_of_date
),

abandoned as (
    select carts.customer_id
    from carts
    left anti join known_orders
        on carts.customer_id = known_orders.customer_id
        and known_orders.ordered_at >= carts.first_cart_at
        and known_orders.ordered_at < carts.last_cart_at + interval 24 hours
)

select
    customer_id,
    cast(count(*) as int) as cart_abandons_7d
from abandoned
group by customer_id
