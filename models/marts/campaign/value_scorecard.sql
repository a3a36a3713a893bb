-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_profile') }}
-- depends_on: {{ ref('gate_prediction') }}
-- depends_on: {{ ref('gate_decision') }}
{%- set days = var('value_period_days') %}

with

targets as (
    select * from {{ ref('value_targets') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

coverage as (
    select max(mean_coverage) as data_coverage
    from {{ ref('attribute_coverage') }}
),

click_figures as (
    select explode(metrics) as figure from {{ ref('ml_click_model') }} where is_champion
),

click_model as (
    select max(figure.value) as auc
    from click_figures
    where figure.metric = 'roc_auc' and figure.segment = ''
),

verdicts as (
    select avg(if(verdict in ('use', 'use with care'), 1, 0)) as models_ahead from {{ ref('model_verdicts') }}
),

-- What offers brought per customer, against those held out.
offers as (
    select {{ rate('sum(effect * offered)', 'sum(offered)') }} as offer_revenue_effect
    from {{ ref('decision_effects') }}
    where outcome = 'net_revenue' and effect is not null
),

sums as (
    select
        sum(impressions) filter (where days_ago < {{ days }}) as impressions,
        sum(clicks) filter (where days_ago < {{ days }}) as clicks,
        sum(conversions) filter (where days_ago < {{ days }}) as conversions,
        sum(ad_cost) filter (where days_ago < {{ days }}) as ad_cost,
        sum(ad_revenue) filter (where days_ago < {{ days }}) as ad_revenue
    from {{ ref('int_marketing_days') }}
),

channels as (
    select
        performance.channel,
        sum(performance.impressions) filter (where performance.performance_date > starts_after) as impressions,
        sum(performance.clicks) filter (where performance.performance_date > starts_after) as clicks,
        {{ rate(
            'sum(performance.clicks) filter (where performance.performance_date <= starts_after)',
            'sum(performance.impressions) filter (where performance.performance_date <= starts_after)'
        ) }} as ctr_before
    from {{ ref('campaign_performance') }} as performance
    cross join (select as_of_date, date_sub(as_of_date, {{ days }}) as starts_after from as_of) as periods
    where
        performance.performance_date > date_sub(periods.starts_after, {{ days }})
        and performance.performance_date <= periods.as_of_date
    group by performance.channel
),

-- Channels differ more than periods do: the clicks are compared with what each channel's rate of before would have given.
clicks as (
    select
        sum(clicks) as clicks,
        sum(impressions * ctr_before) as expected_clicks
    from channels
    where impressions > 0 and ctr_before is not null
),

orders as (
    select customer_id, order_date, {{ order_value('fct_orders') }} as amount
    from {{ ref('fct_orders') }} as fct_orders
    where not is_cancelled and customer_id is not null
    union all
    select customer_id, refund_date as order_date, -{{ refund_value('amount') }} as amount
    from {{ ref('fct_refunds') }}
    where is_counted and customer_id is not null
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
        click_model.auc as click_model_auc,
        verdicts.models_ahead,
        offers.offer_revenue_effect,
        {{ rate('clicks.clicks', 'clicks.expected_clicks') }} - 1 as ctr_lift,
        {{ rate('sums.conversions', 'sums.clicks') }} as conversion_rate,
        {{ rate('sums.ad_cost', 'sums.conversions') }} as acquisition_cost,
        if(sums.impressions is null, null, {{ roi('sums.ad_revenue', 'sums.ad_cost') }}) as roi,
        {{ rate('(select avg(clv) from buyers_now)', '(select avg(clv) from buyers_before)') }} - 1 as clv_growth
    from coverage
    cross join click_model
    cross join verdicts
    cross join offers
    cross join sums
    cross join clicks
),

valued as (
    select
        targets.*,
        case targets.metric
            when 'data_coverage' then known.data_coverage
            when 'click_model_auc' then known.click_model_auc
            when 'models_ahead' then known.models_ahead
            when 'offer_revenue_effect' then known.offer_revenue_effect
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
