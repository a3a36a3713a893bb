-- depends_on: {{ ref('gate_core') }}
{%- set radius = var('audience_radius_km', 3) %}
{#- Cells a little larger than the radius (a degree of latitude is 111.2 km), a whole number of them around the Earth. #}
{%- set latitude_cell = radius / 111.0 %}
{%- set cells_around = [(360 / latitude_cell) | int, 1] | max %}
{%- set longitude_cell = 360 / cells_around %}

with

stores as (
    select store_id, latitude, longitude
    from {{ ref('dim_stores') }}
    where latitude between -90 and 90 and longitude between -180 and 180
),

positions as (
    select
        customer_id,
        latitude,
        longitude,
        cast(floor(latitude / {{ latitude_cell }}) as bigint) as latitude_no,
        pmod(cast(floor(longitude / {{ longitude_cell }}) as bigint), {{ cells_around }}) as longitude_no
    from {{ ref('int_customer_positions') }}
),

-- Meridians come closer towards the poles, so that the radius spans more degrees of longitude there.
spans as (
    select
        *,
        least(180, {{ latitude_cell }} / cos(radians(least(89.9, abs(latitude) + {{ latitude_cell }})))) as longitude_span
    from stores
),

latitude_cells as (
    select
        *,
        explode(sequence(
            cast(floor((latitude - {{ latitude_cell }}) / {{ latitude_cell }}) as bigint),
            cast(floor((latitude + {{ latitude_cell }}) / {{ latitude_cell }}) as bigint)
        )) as latitude_no
    from spans
),

-- Every cell that a point within the radius can lie in. The last cell borders on the first, at the date line.
store_cells as (
    select distinct
        store_id,
        latitude,
        longitude,
        latitude_no,
        pmod(longitude_no, {{ cells_around }}) as longitude_no
    from latitude_cells
    lateral view explode(sequence(
        cast(floor((longitude - longitude_span) / {{ longitude_cell }}) as bigint),
        cast(floor((longitude + longitude_span) / {{ longitude_cell }}) as bigint)
    )) as longitude_no
),

measured as (
    select
        store_cells.store_id,
        positions.customer_id,
        round({{ haversine_km('store_cells.latitude', 'store_cells.longitude', 'positions.latitude', 'positions.longitude') }}, 2)
            as distance_km
    from store_cells
    inner join positions
        on store_cells.latitude_no = positions.latitude_no
        and store_cells.longitude_no = positions.longitude_no
)

select
    store_id,
    customer_id,
    distance_km,
    row_number() over (partition by customer_id order by distance_km, store_id) = 1 as is_nearest_store
from measured
where distance_km <= {{ radius }}
