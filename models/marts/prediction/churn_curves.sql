with

curves as (
    select * from {{ ref('ml_churn_curves') }}
)

select
    segment_type,
    segment,
    cast(day as int) as day,
    survival,
    ci_low,
    ci_high,
    at_risk
from curves
