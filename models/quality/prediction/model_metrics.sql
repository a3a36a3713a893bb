{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}
with

runs as (
    {{ union_of_runs('model, version, algorithm, is_champion, metrics') }}
),

figures as (
    select model as model_name, version, algorithm, is_champion, explode(metrics) as figure from runs
),

latest as (
    select
        model_name, version, algorithm, is_champion,
        figure.metric as metric,
        figure.segment as segment,
        figure.value as value,
        figure.ci_low as ci_low,
        figure.ci_high as ci_high,
        figure.baseline as baseline,
        figure.row_count as row_count
    from figures
)

select
    model_name,
    version,
    algorithm,
    is_champion,
    metric,
    segment,
    value,
    ci_low,
    ci_high,
    baseline,
    row_count
from latest
{% if is_incremental() -%}
where not exists (
    select 1 from {{ this }} as known
    where known.model_name = latest.model_name and known.version = latest.version
)
{%- endif %}
