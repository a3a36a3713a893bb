-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_segments') }}
with

mixes as (
    select * from {{ ref('ml_channel_mix') }}
)

select
    segment,
    channel,
    share,
    expected_rate,
    ci_low,
    ci_high,
    impressions,
    clicks,
    probability_best,
    expected_loss,
    ucb_share,
    half_life_days,
    dispersion,
    decision,
    reason
from mixes
