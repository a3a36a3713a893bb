with

impressions as (
    select *
    from {{ ref('base_ads__impressions') }}
    where _reject_reason is null and _row_rank = 1
),

customers as (
    {{ known_customers() }}
),

campaigns as (
    select campaign_id as known_campaign_id
    from {{ ref('stg_ads__campaigns') }}
),

fences as (
    select {{ fences(['cost']) }}
    from impressions
)

select
    impressions.impression_id,
    impressions.customer_id,
    {{ is_unknown('customer_id', 'customers') }} as is_unknown_customer,
    impressions.campaign_id,
    {{ is_unknown('campaign_id', 'campaigns') }} as is_unknown_campaign,
    impressions.channel,
    impressions.device_type,
    impressions.ad_position,
    impressions.shown_at,
    impressions.clicked_at,
    impressions.cost,
    {{ is_outlier('cost') }} as is_outlier_cost,
    impressions.propensity,
    impressions.is_unusable_propensity,
    impressions.currency,
    impressions.duplicate_rows
from impressions
cross join fences
left join customers on impressions.customer_id = customers.known_customer_id
left join campaigns on impressions.campaign_id = campaigns.known_campaign_id
