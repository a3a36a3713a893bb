{%- set columns = {
    'city': 'name', 'province': 'name', 'latitude': 'coordinate', 'longitude': 'coordinate', 'city_tier': 'text',
    'population': 'whole', 'income_index': 'number',
} %}

with

raw_rows as (
    {{ raw_rows(source('geo', 'geo_regions'), columns) }}
),

column_forms as (
    {{ column_forms(columns) }}
),

typed as (
    select
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ given_columns(columns) }} as given,
        city,
        province,
        {{ read_coordinate('latitude') }} as latitude,
        {{ read_coordinate('longitude') }} as longitude,
        lower(city_tier) as city_tier,
        {{ read_whole('population') }} as population,
        {{ read_number('income_index') }} as income_index
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        {{ reject_reason(columns, required=['city']) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
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
    _column_states,
    {{ row_rank('lower(city), lower(province)', 'population desc nulls last') }} as _row_rank,
    {{ duplicate_rows('lower(city), lower(province)') }} as duplicate_rows
from checked
