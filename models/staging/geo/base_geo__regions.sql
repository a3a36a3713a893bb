{{ config(materialized='view') }}

{%- set columns = [
    'city', 'province', 'latitude', 'longitude', 'city_tier', 'population', 'income_index',
] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
    from {{ source('geo', 'geo_regions') }}
),

typed as (
    select
        struct(*) as raw,
        city,
        province,
        {{ parse_number('latitude', 'double') }} as latitude,
        {{ parse_number('longitude', 'double') }} as longitude,
        lower(city_tier) as city_tier,
        {{ parse_number('population', 'bigint') }} as population,
        {{ parse_number('income_index') }} as income_index
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(required=['city']) }} as _reject_reason
    from typed
)

select
    city,
    province,
    latitude,
    longitude,
    city_tier,
    population,
    income_index,
    _reject_reason,
    {{ raw_row_json('geo', 'geo_regions', columns) }} as _raw_row,
    {{ row_rank('lower(city), lower(province)', 'population desc nulls last') }} as _row_rank,
    {{ duplicate_rows('lower(city), lower(province)') }} as duplicate_rows
from checked
