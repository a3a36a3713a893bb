with

scores as (
    select * from {{ ref('ml_click_scores') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
)

select
    scores.customer_id,
    scores.campaign_id,
    scores.channel,
    scores.device_type,
    scores.ad_position,
    scores.click_probability,
    as_of.as_of_date
from scores
cross join as_of
