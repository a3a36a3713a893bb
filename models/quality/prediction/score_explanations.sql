-- depends_on: {{ ref('gate_prediction') }}
{# A view: it holds no rows of customers, so that an erasure needs to scrub the scores only. #}
{{ config(materialized='view') }}
with

purchases as (
    select customer_id, 'purchase' as model_name, purchase_probability as score, reasons from {{ ref('ml_purchase_scores') }}
),

clicks as (
    select
        customer_id,
        'click' as model_name,
        max(click_probability) as score,
        max_by(reasons, struct(click_probability, campaign_id, device_type, ad_position)) as reasons
    from {{ ref('ml_click_scores') }}
    where size(reasons) > 0
    group by customer_id
),

genders as (
    select customer_id, 'gender' as model_name, female_probability as score, reasons from {{ ref('ml_gender_scores') }}
),

losses as (
    select customer_id, 'churn' as model_name, hazard_ratio as score, reasons from {{ ref('ml_churn_scores') }}
),

scores as (
    select * from purchases
    union all
    select * from clicks
    union all
    select * from genders
    union all
    select * from losses
),

reasons as (
    select customer_id, model_name, score, posexplode(reasons) as (place, reason) from scores
)

select
    customer_id,
    model_name,
    cast(place + 1 as int) as rank,
    reason.feature as feature,
    reason.contribution as contribution,
    reason.reason as reason,
    score
from reasons
