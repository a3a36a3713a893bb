-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
-- depends_on: {{ ref('gate_core') }}
with

events as (
    select customer_id, latitude, longitude, occurred_at from {{ ref('stg_app__events') }}
),

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- Staging keeps two decimals, cells of about a kilometre.
places as (
    select
        events.customer_id,
        events.latitude,
        events.longitude,
        count(*) as events
    from events
    inner join customers on events.customer_id = customers.customer_id
    cross join as_of
    where
        events.latitude between -90 and 90
        and events.longitude between -180 and 180
        and {{ business_date('events.occurred_at') }} <= as_of.as_of_date
    group by events.customer_id, events.latitude, events.longitude
)

select
    customer_id,
    max_by(latitude, struct(events, latitude, longitude)) as latitude,
    max_by(longitude, struct(events, latitude, longitude)) as longitude,
    sum(events) as located_events
from places
group by customer_id
