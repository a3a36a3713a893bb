-- depends_on: {{ ref('gate_core') }}
{%- set days = var('value_period_days', 90) %}
{%- set attributes = [
    'phone_masked', 'email_masked', 'gender', 'age', 'province', 'city', 'city_tier', 'membership_level', 'registered_at',
] %}

with

targets as (
    select * from {{ ref('value_targets') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

coverage as (
    select {{ data_coverage(attributes) }} as data_coverage
    from {{ ref('dim_customers') }}
),

sums as (
    select
        sum(impressions) filter (where days_ago < {{ days }}) as impressions,
        sum(clicks) filter (where days_ago < {{ days }}) as clicks,
        sum(conversions) filter (where days_ago < {{ days }}) as conversions,
        sum(ad_cost) filter (where days_ago < {{ days }}) as ad_cost,
        sum(ad_revenue) filter (where days_ago < {{ days }}) as ad_revenue,
        sum(impressions) filter (where days_ago >= {{ days }}) as impressions_before,
        sum(clicks) filter (where days_ago >= {{ days }}) as clicks_before
    from {{ ref('int_marketing_days') }}
    where days_ago < 2 * {{ days }}
),

orders as (
    select customer_id, order_date, net_amount
    from {{ ref('fct_orders') }}
    where not is_cancelled and customer_id is not null
),

buyers_now as (
    {{ buyers_until('as_of.as_of_date') }}
),

buyers_before as (
    {{ buyers_until('date_sub(as_of.as_of_date, ' ~ days ~ ')') }}
),

known as (
    select
        coverage.data_coverage,
        {{ rate(rate('sums.clicks', 'sums.impressions'), rate('sums.clicks_before', 'sums.impressions_before')) }} - 1 as ctr_lift,
        {{ rate('sums.conversions', 'sums.clicks') }} as conversion_rate,
        {{ rate('sums.ad_cost', 'sums.conversions') }} as acquisition_cost,
        if(sums.impressions is null, null, {{ roi('sums.ad_revenue', 'sums.ad_cost') }}) as roi,
        {{ rate('(select avg(clv) from buyers_now)', '(select avg(clv) from buyers_before)') }} - 1 as clv_growth
    from coverage
    cross join sums
),

valued as (
    select
        targets.*,
        case targets.metric
            when 'data_coverage' then known.data_coverage
            when 'ctr_lift' then known.ctr_lift
            when 'conversion_rate' then known.conversion_rate
            when 'acquisition_cost' then known.acquisition_cost
            when 'roi' then known.roi
            when 'clv_growth' then known.clv_growth
        end as value
    from targets
    cross join known
)

select
    level,
    metric,
    value,
    target,
    comparison,
    case comparison
        when 'at_least' then value >= target
        when 'above' then value > target
        when 'at_most' then value <= target
    end as met,
    unit,
    reason
from valued
