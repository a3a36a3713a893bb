{{ config(materialized='view') }}

{%- set columns = {
    'request_id': 'key', 'customer_id': 'key', 'requested_at': 'instant',
} %}

with

raw_rows as (
    {{ raw_rows(source('crm', 'crm_erasure_requests'), columns) }}
),

column_forms as (
    {{ column_forms(columns) }}
),

typed as (
    select
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ given_columns(columns) }} as given,
        {{ read_key('request_id') }} as request_id,
        {{ read_key('customer_id') }} as customer_id,
        {{ read_instant('requested_at') }} as requested_at
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        {{ reject_reason(columns, required=['request_id', 'customer_id']) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
    from typed
)

select
    request_id,
    customer_id,
    {{ if_past('requested_at') }} as requested_at,
    _reject_reason,
    {{ raw_row_json('crm', 'crm_erasure_requests', ['request_id', 'requested_at']) }} as _raw_row,
    _column_states,
    {{ row_rank('request_id', 'requested_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('request_id') }} as duplicate_rows
from checked
