-- depends_on: {{ ref('gate_core') }}
with

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

events as (
    select * from {{ ref('fct_events') }}
),

orders as (
    select * from {{ ref('fct_orders') }} where not is_cancelled
),

order_items as (
    select * from {{ ref('fct_order_items') }}
),

products as (
    select * from {{ ref('int_product_price_bands') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- Few rows per customer from here on.
activity as (
    select
        customer_id,
        event_date as happened_on,
        {{ business_hour('occurred_at') }} as hour,
        device_type,
        cast(null as string) as channel
    from events
    union all
    select
        customer_id,
        order_date as happened_on,
        {{ business_hour('ordered_at') }} as hour,
        cast(null as string) as device_type,
        channel
    from orders
),

habits as (
    select
        activity.customer_id,
        activity.hour,
        {{ iso_weekday('activity.happened_on') }} as weekday,
        activity.device_type,
        activity.channel,
        count(*) as weight
    from activity
    inner join customers on activity.customer_id = customers.customer_id
    inner join as_of on activity.happened_on <= as_of.as_of_date
    group by activity.customer_id, activity.hour, activity.happened_on, activity.device_type, activity.channel
),

purchases as (
    select
        orders.customer_id,
        products.category,
        products.price_band,
        sum(order_items.quantity) as weight
    from order_items
    inner join orders on order_items.order_id = orders.order_id
    inner join customers on orders.customer_id = customers.customer_id
    inner join as_of on orders.order_date <= as_of.as_of_date
    inner join products on order_items.product_id = products.product_id
    group by orders.customer_id, products.category, products.price_band
),

choices as (
    select customer_id, preference, choice, weight
    from habits
    lateral view stack(
        4,
        'hour', cast(hour as string),
        'weekday', cast(weekday as string),
        'device_type', device_type,
        'channel', channel
    ) as preference, choice
    union all
    select customer_id, preference, choice, weight
    from purchases
    lateral view stack(2, 'category', category, 'price_band', price_band) as preference, choice
),

weighted as (
    select customer_id, preference, choice, cast(sum(weight) as decimal(18, 4)) as weight
    from choices
    where choice is not null
    group by customer_id, preference, choice
),

-- Of equals the first by name.
ordered as (
    select
        *,
        row_number() over (partition by customer_id, preference order by weight desc, choice) as position
    from weighted
    where weight > 0
)

select
    customer_id,
    {{ preferred('hour', 'int') }} as preferred_hour,
    {{ preferred('weekday', 'int') }} as preferred_weekday,
    {{ preferred('channel') }} as preferred_channel,
    {{ preferred('device_type') }} as preferred_device,
    {{ preferred('price_band') }} as preferred_price_band,
    {{ preferred('category') }} as preferred_category
from ordered
where position = 1
group by customer_id
