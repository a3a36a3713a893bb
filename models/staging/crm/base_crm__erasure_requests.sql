{{ config(materialized='view') }}

{%- set columns = [
    'request_id', 'customer_id', 'requested_at',
] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
    from {{ source('crm', 'crm_erasure_requests') }}
),

typed as (
    select
        struct(*) as raw,
        request_id,
        customer_id,
        {{ parse_timestamp('requested_at') }} as requested_at
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(required=['request_id', 'customer_id']) }} as _reject_reason
    from typed
)

select
    request_id,
    customer_id,
    {{ if_past('requested_at') }} as requested_at,
    _reject_reason,
    {{ raw_row_json('crm', 'crm_erasure_requests', ['request_id', 'requested_at']) }} as _raw_row,
    {{ row_rank('request_id', 'requested_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('request_id') }} as duplicate_rows
from checked
