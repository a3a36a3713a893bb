{%- set columns = {
    'event_id': 'key', 'customer_id': 'key', 'anonymous_id': 'key', 'event_type': 'text', 'product_id': 'key',
    'category': 'text', 'occurred_at': 'instant', 'device_type': 'text', 'latitude': 'coordinate',
    'longitude': 'coordinate',
} %}

with

raw_rows as (
    {{ raw_rows(source('app', 'app_events'), columns) }}
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
        {{ read_key('event_id') }} as event_id,
        {{ read_key('customer_id') }} as customer_id,
        {{ read_key('anonymous_id') }} as anonymous_id,
        {{ standard_spelling('event_type', 'event_type') }} as event_type,
        {{ read_key('product_id') }} as product_id,
        lower(category) as category,
        {{ read_instant('occurred_at') }} as occurred_at,
        {{ standard_spelling('device_type', 'device_type') }} as device_type,
        {{ generalise_coordinate('latitude') }} as latitude,
        {{ generalise_coordinate('longitude') }} as longitude
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        {{ reject_reason(
            columns,
            required=['event_id'],
            instants=['occurred_at'],
            allowed={'event_type': ['view', 'favourite', 'cart', 'remove_from_cart', 'purchase', 'search', 'login']},
            erasable=true,
            expires='app_events.occurred_at'
        ) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
    from typed
    left join erased on typed.customer_id = erased.erased_customer_id
)

select
    {{ unless_withheld('event_id') }} as event_id,
    {{ unless_withheld('customer_id') }} as customer_id,
    {{ unless_withheld('anonymous_id') }} as anonymous_id,
    {{ unless_withheld('event_type') }} as event_type,
    {{ unless_withheld('product_id') }} as product_id,
    {{ unless_withheld('category') }} as category,
    {{ unless_withheld(if_past('occurred_at')) }} as occurred_at,
    {{ unless_withheld('device_type') }} as device_type,
    {{ unless_withheld('latitude') }} as latitude,
    {{ unless_withheld('longitude') }} as longitude,
    _reject_reason,
    {{ raw_row_json('app', 'app_events', columns) }} as _raw_row,
    _column_states,
    {{ row_rank('event_id', 'occurred_at desc') }} as _row_rank,
    {{ duplicate_rows('event_id') }} as duplicate_rows
from checked
