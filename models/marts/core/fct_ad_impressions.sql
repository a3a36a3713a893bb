-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
-- depends_on: {{ ref('gate_ads') }}
{#- Days are built again as long as an impression may arrive and an order may still follow its click. -#}
{%- set takes_over = {
    'month': 'shown_month',
    'day': 'shown_date', 'days': var('late_event_days') + var('conversion_window_days'),
    'retention': 'ads_impressions', 'instant': 'shown_at'
} %}
{{ config(partition_by=[takes_over.month], meta={'takes_over': takes_over}) }}

{%- set approved = approved_version() %}

with

impressions as (
    select
        *,
        {{ business_date('shown_at') }} as shown_date
    from {{ ref('stg_ads__impressions') }}
),

customers as (
    select customer_id from {{ ref('dim_customers') }}
),

campaigns as (
    select campaign_id from {{ ref('dim_campaigns') }}
),

orders as (
    select order_id, customer_id, ordered_at, net_amount from {{ ref('fct_orders') }} where not is_cancelled
),

limits as (
    {{ rebuild_limits(approved, takes_over, ref('stg_retention_limits')) }}
),

recent as (
    select impressions.*
    from impressions
    inner join limits on impressions.shown_date >= limits.first_day
),

-- An order belongs to the last click before it. Clicks of all days compete, also of those that are not built again.
clicked_orders as (
    select
        orders.order_id,
        orders.net_amount,
        max_by(impressions.impression_id, struct(impressions.clicked_at, impressions.impression_id)) as impression_id
    from orders
    inner join impressions
        on orders.customer_id = impressions.customer_id
        and orders.ordered_at >= impressions.clicked_at
        and orders.ordered_at < impressions.clicked_at + make_dt_interval({{ var('conversion_window_days') }})
    group by orders.order_id, orders.net_amount
),

conversions as (
    select
        impression_id,
        cast(count(*) as int) as orders,
        cast(sum(net_amount) as decimal(18, 4)) as revenue
    from clicked_orders
    group by impression_id
),

rebuilt as (
    select
        recent.impression_id,
        customers.customer_id,
        campaigns.campaign_id,
        recent.channel,
        recent.device_type,
        recent.ad_position,
        recent.shown_at,
        recent.clicked_at,
        recent.clicked_at is not null as is_clicked,
        conversions.impression_id is not null as is_converted,
        coalesce(conversions.orders, 0) as orders,
        recent.cost,
        coalesce(conversions.revenue, 0) as revenue,
        recent.propensity,
        recent.shown_date
    from recent
    left join customers on recent.customer_id = customers.customer_id
    left join campaigns on recent.campaign_id = campaigns.campaign_id
    left join conversions on recent.impression_id = conversions.impression_id
),

-- Older days of these months are taken over from the approved version as they are, as long as they may be kept.
all_days as (
    select * from rebuilt
    {% if approved -%}
    union all
    select
        impression_id, customer_id, campaign_id, channel, device_type, ad_position, shown_at, clicked_at, is_clicked,
        is_converted, orders, cost, revenue, propensity, shown_date
    from {{ approved }}
    where {{ is_taken_over(takes_over) }}
    {%- endif %}
)

select /*+ rebalance(shown_month) */
    impression_id,
    customer_id,
    campaign_id,
    channel,
    device_type,
    ad_position,
    shown_at,
    clicked_at,
    is_clicked,
    is_converted,
    orders,
    cast(coalesce(cost, 0) as decimal(18, 4)) as cost,
    cast(revenue as decimal(18, 4)) as revenue,
    propensity,
    shown_date,
    {{ month_of('shown_date') }} as shown_month
from all_days
