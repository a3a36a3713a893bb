-- depends_on: {{ ref('gate_core') }}
with

recommendations as (
    select * from {{ ref('ml_price_recommendations') }}
)

select
    product_id,
    category,
    current_price,
    recommended_price,
    elasticity,
    elasticity_low,
    elasticity_high,
    expected_profit_change,
    profit_change_low,
    profit_change_high,
    is_beyond_seen,
    weeks,
    price_changes,
    reason
from recommendations
