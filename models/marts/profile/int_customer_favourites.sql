-- depends_on: {{ ref('gate_core') }}
with

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

events as (
    select * from {{ ref('fct_events') }} where event_type = 'view'
),

orders as (
    select * from {{ ref('fct_orders') }} where not is_cancelled
),

order_items as (
    select * from {{ ref('fct_order_items') }}
),

products as (
    select product_id, category, brand from {{ ref('dim_products') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

viewed as (
    select
        events.customer_id,
        coalesce(products.category, events.category) as category,
        max(events.occurred_at) as last_viewed_at
    from events
    inner join customers on events.customer_id = customers.customer_id
    inner join as_of on events.event_date <= as_of.as_of_date
    left join products on events.product_id = products.product_id
    where coalesce(products.category, events.category) is not null
    group by events.customer_id, coalesce(products.category, events.category)
),

bought as (
    select
        orders.customer_id,
        products.brand,
        sum(order_items.quantity) as units
    from order_items
    inner join orders on order_items.order_id = orders.order_id
    inner join customers on orders.customer_id = customers.customer_id
    inner join as_of on orders.order_date <= as_of.as_of_date
    inner join products on order_items.product_id = products.product_id
    where products.brand is not null
    group by orders.customer_id, products.brand
    -- What was returned is no favourite.
    having sum(order_items.quantity) > 0
),

ranked as (
    select
        customer_id,
        category,
        cast(null as string) as brand,
        row_number() over (partition by customer_id order by last_viewed_at desc, category) as position
    from viewed
    union all
    select
        customer_id,
        cast(null as string) as category,
        brand,
        row_number() over (partition by customer_id order by units desc, brand) as position
    from bought
)

select
    customer_id,
    {{ ranked_list('category', 5) }} as recent_categories,
    {{ ranked_list('brand', 3) }} as top_brands
from ranked
group by customer_id
