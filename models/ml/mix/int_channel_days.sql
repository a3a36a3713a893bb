-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_segments') }}
with

impressions as (
    select customer_id, channel, shown_date, is_clicked from {{ ref('fct_ad_impressions') }}
),

segments as (
    select customer_id, segment_name from {{ ref('customer_segments') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
)

select
    segments.segment_name as segment,
    impressions.channel,
    impressions.shown_date,
    count(*) as impressions,
    count_if(impressions.is_clicked) as clicks
from impressions
inner join segments on impressions.customer_id = segments.customer_id
inner join as_of on impressions.shown_date <= as_of.as_of_date
where impressions.channel is not null
group by segments.segment_name, impressions.channel, impressions.shown_date
