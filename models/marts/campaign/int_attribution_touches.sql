-- depends_on: {{ ref('gate_core') }}
{%- set lookback = 'make_dt_interval(' ~ var('attribution_lookback_days') ~ ')' %}

with

clicks as (
    select impression_id, customer_id, coalesce(channel, 'unknown') as channel, clicked_at
    from {{ ref('fct_ad_impressions') }}
    where is_clicked and customer_id is not null
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

orders as (
    select order_id, customer_id, ordered_at, net_amount
    from {{ ref('fct_orders') }}
    cross join as_of
    where not is_cancelled and order_date <= as_of_date
)

select
    orders.order_id,
    cast(row_number() over (
        partition by orders.order_id order by clicks.clicked_at, clicks.impression_id
    ) as int) as touch_number,
    cast(count(*) over (partition by orders.order_id) as int) as touches,
    clicks.impression_id,
    clicks.channel,
    (unix_timestamp(orders.ordered_at) - unix_timestamp(clicks.clicked_at)) / 86400D as age_days,
    orders.net_amount
from orders
inner join clicks
    on orders.customer_id = clicks.customer_id
    and clicks.clicked_at <= orders.ordered_at
    and clicks.clicked_at > orders.ordered_at - {{ lookback }}
