-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
-- depends_on: {{ ref('gate_ads') }}
with

campaigns as (
    select * from {{ ref('stg_ads__campaigns') }}
),

impressions as (
    select campaign_id from {{ ref('stg_ads__impressions') }}
),

-- Without any list, whatever was shown is a campaign.
keys as (
    select campaign_id from campaigns
    union
    select campaign_id from impressions where campaign_id is not null and not exists (select 1 from campaigns)
)

select
    keys.campaign_id,
    campaigns.campaign_name,
    campaigns.channel,
    campaigns.objective,
    campaigns.budget,
    campaigns.starts_at,
    campaigns.ends_at
from keys
left join campaigns on keys.campaign_id = campaigns.campaign_id
