-- depends_on: {{ ref('gate_core') }}
with

orders as (
    select
        order_date,
        hour(from_utc_timestamp(ordered_at, {{ text_literal(var("business_timezone")) }})) as hour
    from {{ ref('fct_orders') }}
    where not is_cancelled and ordered_at is not null
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
)

select
    orders.order_date as date,
    orders.hour,
    count(*) as orders
from orders
-- Half a year: hours change with the season and with the shop.
inner join as_of on orders.order_date > date_sub(as_of.as_of_date, 182) and orders.order_date <= as_of.as_of_date
group by orders.order_date, orders.hour
