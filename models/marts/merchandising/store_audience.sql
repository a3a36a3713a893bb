-- depends_on: {{ ref('gate_core') }}
{%- set distance_km = great_circle_km(
    'store_cells.latitude', 'store_cells.longitude', 'customer_cells.latitude', 'customer_cells.longitude'
) %}

with

stores as (
    select store_id, latitude, longitude
    from {{ ref('dim_stores') }}
    where latitude between -90 and 90 and longitude between -180 and 180
),

positions as (
    select * from {{ ref('int_customer_positions') }}
),

radius as (
    select cast({{ var('audience_radius_km') }} as double) as radius_km
),

-- Cells a little larger than the radius, as a degree of latitude is 111.2 km; a whole number of them around the Earth.
grid as (
    select
        radius_km,
        radius_km / 111 as latitude_cell,
        cast(greatest(floor(360 * 111 / radius_km), 1) as bigint) as cells_around,
        360 / greatest(floor(360 * 111 / radius_km), 1) as longitude_cell
    from radius
),

customer_cells as (
    select
        positions.*,
        cast(floor(positions.latitude / grid.latitude_cell) as bigint) as latitude_no,
        pmod(cast(floor(positions.longitude / grid.longitude_cell) as bigint), grid.cells_around) as longitude_no
    from positions
    cross join grid
),

-- Meridians come closer towards the poles, so that the radius spans more degrees of longitude there.
spans as (
    select
        stores.*,
        grid.*,
        least(180, grid.latitude_cell / cos(radians(least(89.9, abs(stores.latitude) + grid.latitude_cell))))
            as longitude_span
    from stores
    cross join grid
),

store_rows as (
    select
        *,
        explode(sequence(
            cast(floor((latitude - latitude_cell) / latitude_cell) as bigint),
            cast(floor((latitude + latitude_cell) / latitude_cell) as bigint)
        )) as latitude_no
    from spans
),

store_columns as (
    select
        *,
        explode(sequence(
            cast(floor((longitude - longitude_span) / longitude_cell) as bigint),
            cast(floor((longitude + longitude_span) / longitude_cell) as bigint)
        )) as unwrapped_longitude_no
    from store_rows
),

-- Every cell that a point within the radius can lie in. At the date line the last cell borders on the first.
store_cells as (
    select distinct
        store_id, latitude, longitude, radius_km, latitude_no, pmod(unwrapped_longitude_no, cells_around) as longitude_no
    from store_columns
),

measured as (
    select
        store_cells.store_id,
        customer_cells.customer_id,
        round({{ distance_km }}, 2) as distance_km,
        store_cells.radius_km
    from store_cells
    inner join customer_cells
        on store_cells.latitude_no = customer_cells.latitude_no
        and store_cells.longitude_no = customer_cells.longitude_no
)

select
    store_id,
    customer_id,
    distance_km,
    row_number() over (partition by customer_id order by distance_km, store_id) = 1 as is_nearest_store
from measured
where distance_km <= radius_km
