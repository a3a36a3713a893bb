-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_core') }}
with

scores as (
    select * from {{ ref('ml_overdue_scores') }}
),

contracts as (
    select contract_id, customer_id, product, due_at, amount from {{ ref('stg_crm__contracts') }}
)

select
    scores.contract_id,
    contracts.customer_id,
    contracts.product,
    contracts.amount,
    contracts.due_at,
    scores.days_to_due,
    scores.overdue_probability_30d,
    scores.overdue_probability,
    scores.probability_low,
    scores.probability_high,
    scores.expected_days_late,
    scores.risk_band,
    scores.method,
    scores.reason
from scores
inner join contracts on scores.contract_id = contracts.contract_id
