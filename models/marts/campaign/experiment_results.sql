with

results as (
    select * from {{ ref('ml_experiment_results') }}
),

moments as (
    select * from {{ ref('int_experiment_moments') }}
)

select
    cast(results.experiment_id as string) as experiment_id,
    cast(results.variant as string) as variant,
    cast(results.metric as string) as metric,
    cast(results.compared_with as string) as compared_with,
    cast(results.n as bigint) as n,
    cast(results.mean as double) as mean,
    cast(results.lift as double) as lift,
    cast(results.raw_lift as double) as raw_lift,
    cast(results.variance_spared as double) as variance_spared,
    cast(results.relative_lift as double) as relative_lift,
    cast(results.standard_error as double) as standard_error,
    cast(results.ci_low as double) as ci_low,
    cast(results.ci_high as double) as ci_high,
    cast(results.p_value as double) as p_value,
    cast(results.decision as string) as decision,
    moments.is_complete,
    cast(results.fixed_ci_low as double) as fixed_ci_low,
    cast(results.fixed_ci_high as double) as fixed_ci_high,
    cast(results.fixed_p_value as double) as fixed_p_value
from results
inner join moments
    on results.experiment_id = moments.experiment_id
    and results.variant = moments.variant
    and results.metric = moments.metric
