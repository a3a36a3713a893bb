-- depends_on: {{ ref('gate_core') }}
with

hours as (
    select * from {{ ref('ml_off_peak_offers') }}
)

select
    weekday,
    hour,
    orders,
    level,
    level_low,
    level_high,
    is_off_peak,
    discount,
    expected_profit_change,
    profit_change_low,
    profit_change_high,
    largest_moved_share,
    reason
from hours
