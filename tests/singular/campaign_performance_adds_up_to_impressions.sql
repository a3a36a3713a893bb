-- campaign_performance loses no impression, click, conversion or cent of fct_ad_impressions.
with

marts as (
    select
        coalesce(sum(impressions), 0) as impressions,
        coalesce(sum(clicks), 0) as clicks,
        coalesce(sum(conversions), 0) as conversions,
        coalesce(sum(cost), 0) as cost,
        coalesce(sum(revenue), 0) as revenue
    from {{ ref('campaign_performance') }}
),

facts as (
    select
        count(*) as impressions,
        count_if(is_clicked) as clicks,
        count_if(is_converted) as conversions,
        coalesce(sum(cost), 0) as cost,
        coalesce(sum(revenue), 0) as revenue
    from {{ ref('fct_ad_impressions') }}
)

select marts.*
from marts
cross join facts
where
    marts.impressions <> facts.impressions
    or marts.clicks <> facts.clicks
    or marts.conversions <> facts.conversions
    or marts.cost <> facts.cost
    or marts.revenue <> facts.revenue
