-- depends_on: {{ ref('gate_core') }}
with

judges as (
    select * from {{ ref('model_judges') }}
),

runs as (
    {{ union_of_runs('model, algorithm, is_champion, trained_from, trained_until, training_rows, parameters, metrics') }}
),

champions as (
    select * from runs where is_champion
),

failures as (
    select model, get_json_object(parameters, '$.failure') as failure
    from runs
    where not is_champion and get_json_object(parameters, '$.failure') is not null
),

figures as (
    select model, explode(metrics) as figure from champions
),

shifts as (
    select model_name, array_sort(collect_list(feature)) as features
    from {{ ref('model_drift') }}
    -- A customer's own history grows from snapshot to snapshot, so some shift is chance.
    where status = 'shifted' and psi > chance_psi
    group by model_name
),

judged as (
    select
        judges.model_name,
        judges.baseline,
        judges.needs,
        coalesce(get_json_object(champions.parameters, judges.method_path), champions.algorithm) as champion,
        coalesce(startswith(
            coalesce(get_json_object(champions.parameters, judges.method_path), champions.algorithm), judges.baseline_method
        ), false) as is_baseline,
        figures.figure.value - judges.no_gain as gain,
        figures.figure.ci_low - judges.no_gain as ci_low,
        figures.figure.ci_high - judges.no_gain as ci_high,
        figures.figure.row_count as judged_rows,
        champions.training_rows,
        datediff(champions.trained_until, champions.trained_from) as history_days,
        failures.failure,
        coalesce(shifts.features, array()) as shifted_features,
        get_json_object(champions.parameters, '$.note') as note
    from judges
    left join champions on judges.model = champions.model
    left join failures on judges.model = failures.model
    left join figures
        on champions.model = figures.model
        and replace(judges.metric, '{champion}', champions.algorithm) = figures.figure.metric
        and coalesce(judges.segment, '') = figures.figure.segment
    left join shifts on judges.model = shifts.model_name
)

select
    model_name,
    champion,
    baseline,
    gain,
    ci_low,
    ci_high,
    judged_rows,
    training_rows,
    history_days,
    shifted_features,
    is_baseline,
    {{ verdict() }} as verdict,
    concat_ws(' ', {{ verdict_reason() }}, note) as reason
from judged
