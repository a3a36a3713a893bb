-- depends_on: {{ ref('gate_core') }}
with

allocations as (
    select * from {{ ref('ml_budget_allocation') }}
)

select
    plan,
    period,
    channel,
    volume,
    spend,
    expected_return,
    return_low,
    return_high,
    return_per_unit,
    stays_from,
    stays_to,
    reduced_cost,
    shadow_price,
    status,
    reason,
    verdict,
    basis
from allocations
