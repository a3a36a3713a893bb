-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_segments') }}
with

impressions as (
    select impression_id, customer_id, channel, shown_date, is_clicked, propensity from {{ ref('fct_ad_impressions') }}
),

segments as (
    select customer_id, segment_name from {{ ref('customer_segments') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
)

select
    impressions.impression_id,
    impressions.customer_id,
    segments.segment_name as segment,
    impressions.channel,
    impressions.is_clicked,
    impressions.propensity
from impressions
inner join segments on impressions.customer_id = segments.customer_id
inner join as_of on impressions.shown_date <= as_of.as_of_date
where impressions.channel is not null and impressions.propensity is not null
