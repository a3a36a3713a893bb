with

scores as (
    select * from {{ ref('ml_churn_scores') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
)

select
    scores.customer_id,
    scores.survival_30d,
    scores.survival_60d,
    scores.survival_90d,
    scores.expected_remaining_days,
    scores.hazard_ratio,
    scores.risk_band,
    as_of.as_of_date
from scores
cross join as_of
