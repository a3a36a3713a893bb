{# A view, so that it shows the run whose critical failures made dbt skip it. #}
{{ config(materialized='view') }}

with

results as (
    select * from {{ ref('expectation_results') }}
),

-- A column may have the same expectation twice, with other arguments.
numbered as (
    select
        *,
        row_number() over (
            partition by gate, run_at, relation, expectation, column_name order by kwargs
        ) as expectation_number
    from results
),

histories as (
    select
        *,
        max(run_at) over (partition by gate) as newest_run_at,
        max(if(success, run_at, null)) over one_expectation as last_success_at
    from numbered
    window one_expectation as (partition by relation, expectation, column_name, expectation_number)
),

streaks as (
    select
        *,
        last_success_at is null or run_at > last_success_at as is_in_streak
    from histories
),

scored as (
    select
        *,
        coalesce(1 - unexpected_share, cast(success as double)) as score,
        min(if(is_in_streak, run_at, null)) over one_expectation as first_seen_at,
        count_if(is_in_streak) over one_expectation as failing_runs
    from streaks
    window one_expectation as (partition by relation, expectation, column_name, expectation_number)
)

select
    gate,
    relation,
    case
        when relation like 'stg%' then 'staging'
        when relation like 'ml%' then 'ml'
        else 'mart'
    end as layer,
    column_name,
    expectation,
    kwargs,
    dimension,
    severity,
    owner,
    success,
    element_count,
    unexpected_count,
    score,
    observed_value,
    sample_keys,
    run_id,
    run_at,
    first_seen_at,
    failing_runs,
    message,
    exception
from scored
where run_at = newest_run_at
