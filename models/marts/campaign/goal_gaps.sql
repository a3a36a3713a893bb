-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_decision') }}
with

goals as (
    select * from {{ ref('goals') }}
),

days as (
    select * from {{ ref('int_marketing_days') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- Of all offers whose time is over, as long as decisions are kept.
offers as (
    select sum(effect * offered) as offer_revenue
    from {{ ref('decision_effects') }}
    where outcome = 'net_revenue'
),

sums as (
    select
        goals.goal,
        coalesce(sum(days.net_revenue), 0) as net_revenue,
        coalesce(sum(days.orders), 0) as orders,
        coalesce(sum(days.new_customers), 0) as new_customers,
        sum(days.impressions) as impressions,
        sum(days.clicks) as clicks,
        sum(days.conversions) as conversions,
        sum(days.ad_cost) as ad_cost,
        sum(days.ad_revenue) as ad_revenue
    from goals
    left join days on days.days_ago < goals.period_days
    group by goals.goal
),

actuals as (
    select
        goals.*,
        case goals.metric
            when 'net_revenue' then cast(sums.net_revenue as double)
            when 'orders' then cast(sums.orders as double)
            when 'new_customers' then cast(sums.new_customers as double)
            when 'roi' then {{ roi('sums.ad_revenue', 'sums.ad_cost') }}
            when 'acquisition_cost' then {{ rate('sums.ad_cost', 'sums.conversions') }}
            when 'ctr' then {{ rate('sums.clicks', 'sums.impressions') }}
            when 'conversion_rate' then {{ rate('sums.conversions', 'sums.clicks') }}
            when 'offer_revenue' then offers.offer_revenue
        end as actual
    from goals
    inner join sums on goals.goal = sums.goal
    cross join offers
),

compared as (
    select
        *,
        if(direction = 'at_least', actual >= target, actual <= target) as is_reached,
        if(direction = 'at_least', {{ rate('actual', 'target') }}, {{ rate('target', 'actual') }}) as attainment
    from actuals
)

select
    compared.goal,
    compared.metric,
    date_sub(as_of.as_of_date, compared.period_days - 1) as period_start_date,
    as_of.as_of_date as period_end_date,
    compared.direction,
    compared.target,
    compared.actual,
    compared.actual - compared.target as gap,
    compared.attainment,
    case
        when compared.actual is null then 'no data'
        when compared.is_reached then 'reached'
        when compared.attainment >= 0.9D then 'close'
        else 'missed'
    end as status,
    compared.reason
from compared
cross join as_of
