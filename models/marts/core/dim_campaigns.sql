-- depends_on: {{ ref('gate_ads') }}
with

campaigns as (
    select * from {{ ref('stg_ads__campaigns') }}
)

select
    campaign_id,
    campaign_name,
    channel,
    objective,
    budget,
    starts_at,
    ends_at
from campaigns
