-- depends_on: {{ ref('gate_core') }}
-- The newest day is scored; for each older one it is known who bought in the horizon after it.
with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- Of an older day the features would be nothing but the beginning of the records.
history as (
    select date_add(min(order_date), {{ var('least_history_days') }}) as learned_from from {{ ref('fct_orders') }}
),

counted as (
    select
        as_of_date,
        explode(sequence(0, {{ var('propensity_snapshots') }})) as number
    from as_of
)

select
    cast(date_sub(as_of_date, number * {{ var('propensity_horizon_days') }}) as date) as snapshot_date,
    number = 0 as is_newest
from counted
cross join history
where number = 0 or date_sub(as_of_date, number * {{ var('propensity_horizon_days') }}) >= history.learned_from
