-- depends_on: {{ ref('gate_core') }}
with

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

events as (
    select * from {{ ref('fct_events') }}
),

products as (
    select product_id, category from {{ ref('dim_products') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

facts as (
    select
        events.customer_id,
        events.event_date as happened_on,
        datediff(as_of.as_of_date, events.event_date) as days_ago,
        {{ business_hour('events.occurred_at') }} as hour,
        {{ iso_weekday('events.event_date') }} as weekday,
        events.event_type,
        events.device_type,
        events.product_id,
        coalesce(products.category, events.category) as category
    from events
    inner join customers on events.customer_id = customers.customer_id
    inner join as_of on events.event_date <= as_of.as_of_date
    left join products on events.product_id = products.product_id
)

select
    customer_id
    {{- catalogued_columns('events') }}
from facts
group by customer_id
