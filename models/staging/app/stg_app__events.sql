with

events as (
    select *
    from {{ ref('base_app__events') }}
    where _reject_reason is null and _row_rank = 1
),

customers as (
    {{ known_customers() }}
)

select
    events.event_id,
    events.customer_id,
    {{ is_unknown('customer_id', 'customers') }} as is_unknown_customer,
    events.anonymous_id,
    events.event_type,
    events.product_id,
    events.category,
    events.occurred_at,
    events.device_type,
    events.latitude,
    events.longitude,
    events.duplicate_rows
from events
left join customers on events.customer_id = customers.known_customer_id
