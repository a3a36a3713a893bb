with

events as (
    select * from {{ ref('fct_events') }}
),

devices as (
    select anonymous_id, customer_id from {{ ref('int_device_customers') }}
),

visits as (
    select
        session_id,
        event_date as session_date,
        max(customer_id) as recorded_customer_id,
        max(anonymous_id) as anonymous_id,
        min_by(device_type, struct(occurred_at, event_id)) as device_type,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at,
        cast(count(*) as int) as events,
        cast(count_if(event_type = 'view') as int) as views,
        cast(count_if(event_type = 'search') as int) as searches,
        cast(count_if(event_type = 'favourite') as int) as favourites,
        cast(count_if(event_type = 'cart') as int) as carts,
        cast(count_if(event_type = 'remove_from_cart') as int) as removals,
        cast(count_if(event_type = 'purchase') as int) as purchases
    from events
    group by session_id, event_date
)

-- All visits are looked up anew in each run: whose a device is may be found long after a visit.
select
    visits.session_id,
    coalesce(visits.recorded_customer_id, devices.customer_id) as customer_id,
    case
        when visits.recorded_customer_id is not null then 'login'
        when devices.customer_id is not null then 'device'
    end as identified_by,
    visits.anonymous_id,
    visits.device_type,
    visits.session_date,
    visits.started_at,
    visits.ended_at,
    visits.events,
    visits.views,
    visits.searches,
    visits.favourites,
    visits.carts,
    visits.removals,
    visits.purchases,
    visits.purchases > 0 as converted
from visits
left join devices on visits.anonymous_id = devices.anonymous_id
