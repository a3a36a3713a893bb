{%- set columns = {
    'customer_id': 'key', 'purpose': 'text', 'channel': 'text', 'granted': 'boolean', 'recorded_at': 'instant',
} %}

with

raw_rows as (
    {{ raw_rows(source('crm', 'crm_consents'), columns) }}
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
        {{ read_key('customer_id') }} as customer_id,
        {{ standard_spelling('purpose', 'consent_purpose') }} as purpose,
        {{ standard_spelling('channel', 'consent_channel') }} as channel,
        {{ read_boolean('granted') }} as granted,
        {{ read_instant('recorded_at') }} as recorded_at
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        {{ reject_reason(
            columns,
            required=['customer_id', 'granted'],
            readable=['granted'],
            instants=['recorded_at'],
            allowed={'purpose': ['marketing', 'profiling', 'sharing'], 'channel': ['sms', 'push', 'email', 'any']},
            erasable=true
        ) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
    from typed
    left join erased on typed.customer_id = erased.erased_customer_id
)

select
    {{ unless_withheld('customer_id') }} as customer_id,
    {{ unless_withheld('purpose') }} as purpose,
    {{ unless_withheld('channel') }} as channel,
    {{ unless_withheld('granted') }} as granted,
    {{ unless_withheld(if_past('recorded_at')) }} as recorded_at,
    _reject_reason,
    {{ raw_row_json('crm', 'crm_consents', columns) }} as _raw_row,
    _column_states,
    {{ row_rank('customer_id, purpose, channel, recorded_at', 'granted') }} as _row_rank,
    {{ duplicate_rows('customer_id, purpose, channel, recorded_at') }} as duplicate_rows
from checked
