-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
-- depends_on: {{ ref('gate_geo') }}
-- depends_on: {{ ref('gate_core') }}
with

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

events as (
    select
        *,
        {{ business_date('occurred_at') }} as event_date
    from {{ ref('stg_app__events') }}
),

regions as (
    select * from {{ ref('stg_geo__regions') }} where latitude is not null and longitude is not null
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

visited as (
    select
        events.customer_id,
        events.latitude,
        events.longitude,
        count(*) as events
    from events
    inner join customers on events.customer_id = customers.customer_id
    inner join as_of on events.event_date <= as_of.as_of_date
    where events.latitude is not null and events.longitude is not null
    group by events.customer_id, events.latitude, events.longitude
),

points as (
    select distinct latitude, longitude from visited
),

-- Positions are rounded to about a kilometre, so neither they nor the regions grow with the customers.
distances as (
    select /*+ broadcast(regions) */
        points.latitude,
        points.longitude,
        regions.city,
        regions.province,
        regions.city_tier,
        regions.income_index,
        {{ great_circle_km('points.latitude', 'points.longitude', 'regions.latitude', 'regions.longitude') }} as distance_km
    from points
    cross join regions
),

nearest as (
    select
        latitude,
        longitude,
        min_by(
            struct(city, province, city_tier, income_index), struct(distance_km, province, city)
        ) as region
    from distances
    where distance_km <= {{ var('region_max_km') }}
    group by latitude, longitude
),

seen as (
    select
        visited.customer_id,
        nearest.region,
        sum(visited.events) as events
    from visited
    inner join nearest on visited.latitude = nearest.latitude and visited.longitude = nearest.longitude
    group by visited.customer_id, nearest.region
),

chosen as (
    select
        customer_id,
        max_by(region, struct(events, region.province, region.city)) as region
    from seen
    group by customer_id
)

select
    customer_id,
    region.city as region,
    region.province as region_province,
    region.city_tier as region_city_tier,
    region.income_index as region_income_index
from chosen
