-- depends_on: {{ ref('gate_core') }}
with

plans as (
    select * from {{ ref('ml_offer_plan') }}
),

limits as (
    select explode(limits) as entry from plans
)

select
    'all offers' as limit_name,
    cast(null as double) as capacity,
    cast(picks as double) as used,
    cast(null as double) as shadow_price,
    profit as expected_profit,
    bound,
    gap
from plans
union all
select
    entry.limit as limit_name,
    entry.capacity,
    entry.used,
    entry.price as shadow_price,
    cast(null as double) as expected_profit,
    cast(null as double) as bound,
    cast(null as double) as gap
from limits
