-- depends_on: {{ ref('gate_core') }}
with

scores as (
    select * from {{ ref('ml_churn_scores') }}
),

customers as (
    select customer_id, can_sms, can_push, can_email from {{ ref('dim_customers') }} where can_profile
),

impressions as (
    select channel, is_clicked from {{ ref('fct_ad_impressions') }} where channel in ('sms', 'push', 'email')
),

rates as (
    select channel, cast(count_if(is_clicked) as double) / count(*) as click_rate
    from impressions
    group by channel
),

allowed as (
    select customer_id, 'sms' as channel from customers where can_sms
    union all
    select customer_id, 'push' as channel from customers where can_push
    union all
    select customer_id, 'email' as channel from customers where can_email
),

-- Of the channels a customer allows, the one that is clicked most.
chosen as (
    select
        allowed.customer_id,
        max_by(allowed.channel, struct(coalesce(rates.click_rate, 0), allowed.channel)) as channel
    from allowed
    left join rates on allowed.channel = rates.channel
    group by allowed.customer_id
)

select
    scores.customer_id,
    scores.best_contact_date,
    chosen.channel,
    scores.contact_reason as reason
from scores
left join chosen on scores.customer_id = chosen.customer_id
where scores.best_contact_date is not null
