{#- Query of the failed expectations (columns severity and message, critical ones first) in the newest run of a gate,
    without those that are only recorded, and of one critical line more when the gate has never run: no result is no
    approval. -#}
{% macro failed_expectations(gate) %}
with newest_run as (
    select max(run_at) as run_at from {{ gate }}
),

failed as (
    select
        results.severity,
        results.message
    from {{ gate }} as results
    inner join newest_run on results.run_at = newest_run.run_at
    where
        not results.success
        and results.severity <> 'info'
),

never_run as (
    select
        'critical' as severity,
        'the gate has no results' as message
    from newest_run
    where run_at is null
),

problems as (
    select * from failed
    union all
    select * from never_run
)

select severity, message from problems
order by severity, message
{% endmacro %}
