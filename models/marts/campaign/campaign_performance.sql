-- depends_on: {{ ref('gate_core') }}
with

impressions as (
    select * from {{ ref('fct_ad_impressions') }}
),

-- Impressions of a campaign that nobody knows cost money too.
counted as (
    select
        coalesce(campaign_id, 'unknown') as campaign_id,
        coalesce(channel, 'unknown') as channel,
        shown_date as performance_date,
        count(*) as impressions,
        count_if(is_clicked) as clicks,
        count_if(is_converted) as conversions,
        sum(cost) as cost,
        sum(revenue) as revenue
    from impressions
    group by coalesce(campaign_id, 'unknown'), coalesce(channel, 'unknown'), shown_date
)

select
    campaign_id,
    channel,
    performance_date,
    impressions,
    clicks,
    {{ rate('clicks', 'impressions') }} as ctr,
    conversions,
    {{ rate('conversions', 'clicks') }} as conversion_rate,
    cast(cost as decimal(18, 4)) as cost,
    cast(revenue as decimal(18, 4)) as revenue,
    {{ roi('revenue', 'cost') }} as roi,
    {{ rate('cost', 'conversions') }} as acquisition_cost
from counted
