{{ config(materialized='view') }}

{%- set columns = [
    'experiment_id', 'customer_id', 'variant', 'assigned_at',
] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
    from {{ source('app', 'app_experiments') }}
),

erased as (
    {{ erased_customers() }}
),

typed as (
    select
        struct(*) as raw,
        experiment_id,
        customer_id,
        variant,
        {{ parse_timestamp('assigned_at') }} as assigned_at
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(
            required=['experiment_id', 'customer_id', 'variant'],
            instants=['assigned_at'],
            erasable=true,
            expires='app_experiments.assigned_at'
        ) }} as _reject_reason
    from typed
    left join erased on typed.customer_id = erased.erased_customer_id
)

select
    experiment_id,
    customer_id,
    variant,
    {{ if_past('assigned_at') }} as assigned_at,
    _reject_reason,
    {{ raw_row_json('app', 'app_experiments', columns) }} as _raw_row,
    {{ row_rank('experiment_id, customer_id', 'assigned_at') }} as _row_rank,
    {{ duplicate_rows('experiment_id, customer_id') }} as duplicate_rows
from checked
