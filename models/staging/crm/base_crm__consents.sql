{{ config(materialized='view') }}

{%- set columns = [
    'customer_id', 'purpose', 'channel', 'granted', 'recorded_at',
] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
    from {{ source('crm', 'crm_consents') }}
),

erased as (
    {{ erased_customers() }}
),

typed as (
    select
        struct(*) as raw,
        customer_id,
        {{ standard_spelling('purpose', 'consent_purpose') }} as purpose,
        {{ standard_spelling('channel', 'consent_channel') }} as channel,
        {{ parse_boolean('granted') }} as granted,
        {{ parse_timestamp('recorded_at') }} as recorded_at
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(
            required=['customer_id', 'granted'],
            readable=['granted'],
            instants=['recorded_at'],
            allowed={'purpose': ['marketing', 'profiling', 'sharing'], 'channel': ['sms', 'push', 'email', 'any']},
            erasable=true
        ) }} as _reject_reason
    from typed
    left join erased on typed.customer_id = erased.erased_customer_id
)

select
    customer_id,
    purpose,
    channel,
    granted,
    {{ if_past('recorded_at') }} as recorded_at,
    _reject_reason,
    {{ raw_row_json('crm', 'crm_consents', columns) }} as _raw_row,
    {{ row_rank('customer_id, purpose, channel, recorded_at', 'granted') }} as _row_rank,
    {{ duplicate_rows('customer_id, purpose, channel, recorded_at') }} as duplicate_rows
from checked
