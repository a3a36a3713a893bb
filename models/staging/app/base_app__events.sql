{{ config(materialized='view') }}

{%- set columns = [
    'event_id', 'customer_id', 'anonymous_id', 'event_type', 'product_id', 'category', 'occurred_at',
    'device_type', 'latitude', 'longitude',
] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
    from {{ source('app', 'app_events') }}
),

erased as (
    {{ erased_customers() }}
),

typed as (
    select
        struct(*) as raw,
        event_id,
        customer_id,
        anonymous_id,
        {{ standard_spelling('event_type', 'event_type') }} as event_type,
        product_id,
        lower(category) as category,
        {{ parse_timestamp('occurred_at') }} as occurred_at,
        {{ standard_spelling('device_type', 'device_type') }} as device_type,
        {{ generalise_coordinate('latitude') }} as latitude,
        {{ generalise_coordinate('longitude') }} as longitude
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(
            required=['event_id'],
            instants=['occurred_at'],
            allowed={'event_type': ['view', 'favourite', 'cart', 'remove_from_cart', 'purchase', 'search', 'login']},
            erasable=true,
            expires='app_events.occurred_at'
        ) }} as _reject_reason
    from typed
    left join erased on typed.customer_id = erased.erased_customer_id
)

select
    event_id,
    customer_id,
    anonymous_id,
    event_type,
    product_id,
    category,
    {{ if_past('occurred_at') }} as occurred_at,
    device_type,
    latitude,
    longitude,
    _reject_reason,
    {{ raw_row_json('app', 'app_events', columns) }} as _raw_row,
    {{ row_rank('event_id', 'occurred_at desc') }} as _row_rank,
    {{ duplicate_rows('event_id') }} as duplicate_rows
from checked
