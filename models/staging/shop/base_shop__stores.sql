{%- set columns = {
    'store_id': 'key', 'store_name': 'name', 'city': 'name', 'latitude': 'coordinate', 'longitude': 'coordinate',
} %}

with

raw_rows as (
    {{ raw_rows(source('shop', 'shop_stores'), columns) }}
),

column_forms as (
    {{ column_forms(columns) }}
),

typed as (
    select
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ given_columns(columns) }} as given,
        {{ read_key('store_id') }} as store_id,
        store_name,
        city,
        {{ read_coordinate('latitude') }} as latitude,
        {{ read_coordinate('longitude') }} as longitude
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        {{ reject_reason(columns, required=['store_id']) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
    from typed
)

select
    store_id,
    store_name,
    city,
    latitude,
    longitude,
    _reject_reason,
    {{ raw_row_json('shop', 'shop_stores', columns) }} as _raw_row,
    _column_states,
    {{ row_rank('store_id', 'store_name') }} as _row_rank,
    {{ duplicate_rows('store_id') }} as duplicate_rows
from checked
