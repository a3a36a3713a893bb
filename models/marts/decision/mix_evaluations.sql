-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_segments') }}
with

evaluations as (
    select * from {{ ref('ml_mix_evaluations') }}
)

select
    mix,
    segment,
    method,
    estimate,
    ci_low,
    ci_high,
    gain,
    gain_low,
    gain_high,
    impressions,
    effective_impressions,
    decision,
    reason
from evaluations
