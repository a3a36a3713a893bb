-- depends_on: {{ ref('gate_core') }}
with

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
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

facts as (
    select
        orders.customer_id,
        orders.order_date as happened_on,
        datediff(as_of.as_of_date, orders.order_date) as days_ago,
        order_items.product_id,
        products.category,
        products.brand,
        products.price_band,
        order_items.quantity,
        order_items.net_amount
    from order_items
    inner join orders on order_items.order_id = orders.order_id
    inner join customers on orders.customer_id = customers.customer_id
    inner join as_of on orders.order_date <= as_of.as_of_date
    left join products on order_items.product_id = products.product_id
)

select
    customer_id
    {{- catalogued_columns('order_items') }}
from facts
group by customer_id
