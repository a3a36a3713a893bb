-- depends_on: {{ ref('gate_core') }}
with

customers as (
    select customer_id, can_sms, can_push, can_email from {{ ref('dim_customers') }} where can_profile
),

impressions as (
    select
        customer_id,
        channel,
        hour(from_utc_timestamp(shown_at, {{ text_literal(var("business_timezone")) }})) as hour,
        is_clicked
    from {{ ref('fct_ad_impressions') }}
    where channel in ('sms', 'push', 'email') and shown_at is not null
),

allowed as (
    select customer_id, 'sms' as channel from customers where can_sms
    union all
    select customer_id, 'push' as channel from customers where can_push
    union all
    select customer_id, 'email' as channel from customers where can_email
)

select
    allowed.customer_id,
    allowed.channel,
    impressions.hour,
    count(impressions.channel) as shown,
    count_if(impressions.is_clicked) as clicked
from allowed
left join impressions on allowed.customer_id = impressions.customer_id and allowed.channel = impressions.channel
group by allowed.customer_id, allowed.channel, impressions.hour
