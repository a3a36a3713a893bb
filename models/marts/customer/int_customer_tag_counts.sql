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

products as (
    select product_id, category, brand from {{ ref('dim_products') }}
),

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- What a customer looked at and what a customer bought. Purchases are taken from the orders alone.
records as (
    select events.customer_id, events.product_id, events.category
    from events
    cross join as_of
    where events.event_type = 'view' and events.customer_id is not null and events.event_date <= as_of.as_of_date
    union all
    select orders.customer_id, order_items.product_id, null as category
    from order_items
    inner join orders on order_items.order_id = orders.order_id
    cross join as_of
    where not orders.is_cancelled and orders.customer_id is not null and orders.order_date <= as_of.as_of_date
),

-- Few rows per customer and product from here on.
interests as (
    select
        records.customer_id,
        coalesce(products.category, records.category) as category,
        products.brand,
        count(*) as records
    from records
    inner join customers on records.customer_id = customers.customer_id
    left join products on records.product_id = products.product_id
    group by records.customer_id, coalesce(products.category, records.category), products.brand
),

tags as (
    select customer_id, 'category: ' || category as tag, records from interests where category is not null
    union all
    select customer_id, 'brand: ' || brand as tag, records from interests where brand is not null
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
