-- depends_on: {{ ref('gate_core') }}
with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

orders as (
    select
        order_date,
        net_amount,
        customer_id is not null
        and row_number() over (partition by customer_id order by ordered_at, order_id) = 1 as is_first
    from {{ ref('fct_orders') }}
    where not is_cancelled
),

refunds as (
    select refund_date, amount from {{ ref('fct_refunds') }} where is_counted
),

performance as (
    select * from {{ ref('campaign_performance') }}
),

facts as (
    select
        order_date as day, 1 as orders, net_amount as net_revenue, if(is_first, 1, 0) as new_customers,
        0 as impressions, 0 as clicks, 0 as conversions, 0 as ad_cost, 0 as ad_revenue
    from orders
    union all
    select
        refund_date as day, 0 as orders, -amount as net_revenue, 0 as new_customers,
        0 as impressions, 0 as clicks, 0 as conversions, 0 as ad_cost, 0 as ad_revenue
    from refunds
    union all
    select
        performance_date as day, 0 as orders, 0 as net_revenue, 0 as new_customers,
        impressions, clicks, conversions, cost as ad_cost, revenue as ad_revenue
    from performance
)

select
    facts.day,
    datediff(max(as_of.as_of_date), facts.day) as days_ago,
    sum(facts.orders) as orders,
    cast(sum(facts.net_revenue) as decimal(18, 4)) as net_revenue,
    sum(facts.new_customers) as new_customers,
    sum(facts.impressions) as impressions,
    sum(facts.clicks) as clicks,
    sum(facts.conversions) as conversions,
    cast(sum(facts.ad_cost) as decimal(18, 4)) as ad_cost,
    cast(sum(facts.ad_revenue) as decimal(18, 4)) as ad_revenue
from facts
cross join as_of
where facts.day <= as_of.as_of_date
group by facts.day
