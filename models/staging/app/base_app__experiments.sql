{%- set columns = {
    'experiment_id': 'key', 'customer_id': 'key', 'variant': 'text', 'assigned_at': 'instant',
} %}

with

raw_rows as (
    {{ raw_rows(source('app', 'app_experiments'), columns) }}
),

column_forms as (
    {{ column_forms(columns) }}
),

erased as (
    {{ erased_customers() }}
),

typed as (
    select
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ given_columns(columns) }} as given,
        {{ read_key('experiment_id') }} as experiment_id,
        {{ read_key('customer_id') }} as customer_id,
        variant,
        {{ read_instant('assigned_at') }} as assigned_at
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        {{ reject_reason(
            columns,
            required=['experiment_id', 'customer_id', 'variant'],
            instants=['assigned_at'],
            erasable=true,
            expires='app_experiments.assigned_at'
        ) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
    from typed
    left join erased on typed.customer_id = erased.erased_customer_id
)

select
    {{ unless_withheld('experiment_id') }} as experiment_id,
    {{ unless_withheld('customer_id') }} as customer_id,
    {{ unless_withheld('variant') }} as variant,
    {{ unless_withheld(if_past('assigned_at')) }} as assigned_at,
    _reject_reason,
    {{ raw_row_json('app', 'app_experiments', columns) }} as _raw_row,
    _column_states,
    {{ row_rank('experiment_id, customer_id', 'assigned_at') }} as _row_rank,
    {{ duplicate_rows('experiment_id, customer_id') }} as duplicate_rows
from checked
