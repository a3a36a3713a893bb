-- The newest day is scored; for each older one it is known who bought in the horizon after it.
with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
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
