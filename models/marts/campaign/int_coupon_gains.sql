-- depends_on: {{ ref('gate_core') }}
{%- set days = var('coupon_window_days') | int %}
{%- set later_days = [days - 1, 0] | max %}

with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

orders as (
    select order_id, customer_id, coupon_id, order_date, net_amount, unix_date(order_date) as day
    from {{ ref('fct_orders') }}
    cross join as_of
    where not is_cancelled and customer_id is not null and order_date <= as_of_date
),

windows as (
    select
        *,
        count(*) over (partition by customer_id order by day range between unbounded preceding and 1 preceding)
            as orders_ever,
        count(*) over (partition by customer_id order by day range between 180 preceding and 1 preceding)
            as orders_before,
        coalesce(sum(net_amount) over (
            partition by customer_id order by day range between {{ days }} preceding and 1 preceding
        ), 0) as spent_before,
        sum(net_amount) over (
            partition by customer_id order by day range between current row and {{ later_days }} following
        ) as spent_from_then
    from orders
)

select
    windows.order_id,
    windows.customer_id,
    windows.coupon_id,
    cast(date_trunc('month', windows.order_date) as date) as order_month,
    case
        when windows.orders_ever = 0 then 'new'
        when windows.orders_before = 0 then '0'
        when windows.orders_before = 1 then '1'
        when windows.orders_before <= 4 then '2-4'
        else '5+'
    end as frequency_band,
    cast(windows.spent_from_then - windows.spent_before as decimal(18, 4)) as gain
from windows
cross join as_of
where windows.day + {{ later_days }} <= unix_date(as_of.as_of_date)
