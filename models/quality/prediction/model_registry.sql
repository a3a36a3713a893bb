{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}
{# Appended to at each run that trained, so that it tells what scored when; the models themselves are kept in ml_…_model. #}
with

runs as (
    {{ union_of_runs(
        'model, version, algorithm, is_champion, as_of_date, trained_from, trained_until, training_rows, parameters, artefact, signature'
    ) }}
),

latest as (
    select
        model as model_name,
        version,
        algorithm,
        is_champion,
        as_of_date,
        trained_from,
        trained_until,
        training_rows,
        parameters,
        octet_length(artefact) as artefact_bytes,
        signature,
        current_timestamp() as registered_at
    from runs
)

select
    model_name, version, algorithm, is_champion, as_of_date, trained_from, trained_until, training_rows, parameters,
    artefact_bytes, signature, registered_at
from latest
{% if is_incremental() -%}
where not exists (
    select 1 from {{ this }} as known
    where known.model_name = latest.model_name
        and known.version = latest.version
        and known.algorithm = latest.algorithm
)
{%- endif %}
