{{ config(materialized='view') }}

{%- set columns = [
    'store_id', 'store_name', 'city', 'latitude', 'longitude',
] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
    from {{ source('shop', 'shop_stores') }}
),

typed as (
    select
        struct(*) as raw,
        store_id,
        store_name,
        city,
        {{ parse_number('latitude', 'double') }} as latitude,
        {{ parse_number('longitude', 'double') }} as longitude
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(required=['store_id']) }} as _reject_reason
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
    {{ row_rank('store_id', 'store_name') }} as _row_rank,
    {{ duplicate_rows('store_id') }} as duplicate_rows
from checked
