-- depends_on: {{ ref('gate_core') }}
with

orders as (
    select * from {{ ref('fct_orders') }}
),

order_items as (
    select * from {{ ref('fct_order_items') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
)

select
    orders.order_date as sales_date,
    coalesce(orders.store_id, 'online') as store_id,
    order_items.product_id,
    count(distinct orders.order_id) as orders,
    cast(sum(order_items.quantity) as decimal(18, 4)) as quantity,
    cast(sum(order_items.gross_amount) as decimal(18, 4)) as gross_amount,
    cast(sum(order_items.gross_amount) - sum(order_items.net_amount) as decimal(18, 4)) as discount_amount,
    cast(sum(order_items.net_amount) as decimal(18, 4)) as net_amount
from order_items
inner join orders on order_items.order_id = orders.order_id
cross join as_of
where not orders.is_cancelled and orders.order_date <= as_of.as_of_date
group by orders.order_date, coalesce(orders.store_id, 'online'), order_items.product_id
