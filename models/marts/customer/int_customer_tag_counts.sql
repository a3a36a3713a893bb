-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
-- depends_on: {{ ref('gate_core') }}
with

events as (
    select * from {{ ref('fct_events') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
),

order_items as (
    select * from {{ ref('fct_order_items') }}
),

tickets as (
    select
        *,
        {{ business_date('opened_at') }} as opened_on
    from {{ ref('stg_crm__service_tickets') }}
),

products as (
    select product_id, category, brand from {{ ref('dim_products') }}
),

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- What a customer looked at, searched for, bought and asked about. Purchases are taken from the orders alone.
records as (
    select
        events.customer_id,
        if(events.event_type = 'view', events.product_id, null) as product_id,
        if(events.event_type = 'view', events.category, null) as category,
        if(events.event_type = 'search', events.category, null) as search,
        null as topic
    from events
    inner join as_of on events.event_date <= as_of.as_of_date
    where events.event_type = 'view' or events.event_type = 'search' and events.category is not null
    union all
    select orders.customer_id, order_items.product_id, null as category, null as search, null as topic
    from order_items
    inner join orders on order_items.order_id = orders.order_id
    inner join as_of on orders.order_date <= as_of.as_of_date
    where not orders.is_cancelled
    union all
    select tickets.customer_id, null as product_id, null as category, null as search, tickets.topic
    from tickets
    inner join as_of on tickets.opened_on <= as_of.as_of_date
    where tickets.topic is not null
),

-- Few rows per customer and product from here on.
interests as (
    select
        records.customer_id,
        coalesce(products.category, records.category) as category,
        products.brand,
        records.search,
        records.topic,
        count(*) as records
    from records
    inner join customers on records.customer_id = customers.customer_id
    left join products on records.product_id = products.product_id
    group by
        records.customer_id, coalesce(products.category, records.category), products.brand, records.search, records.topic
),

tags as (
    select customer_id, kind || ': ' || name as tag, records
    from interests
    lateral view stack(4, 'category', category, 'brand', brand, 'search', search, 'topic', topic) as kind, name
    where name is not null
),

occurrences as (
    select customer_id, tag, sum(records) as occurrences from tags group by customer_id, tag
),

customer_totals as (
    select customer_id, sum(records) as customer_records from interests group by customer_id
),

tag_totals as (
    select tag, sum(occurrences) as tag_records from occurrences group by tag
),

total as (
    select sum(customer_records) as all_records from customer_totals
)

select
    occurrences.customer_id,
    occurrences.tag,
    occurrences.occurrences,
    customer_totals.customer_records,
    tag_totals.tag_records,
    total.all_records
from occurrences
inner join customer_totals on occurrences.customer_id = customer_totals.customer_id
inner join tag_totals on occurrences.tag = tag_totals.tag
cross join total
