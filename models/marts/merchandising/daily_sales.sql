-- depends_on: {{ ref('gate_core') }}
with

orders as (
    select * from {{ ref('fct_orders') }}
),

order_items as (
    select * from {{ ref('fct_order_items') }}
),

refunded_items as (
    select * from {{ ref('int_refunded_items') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

facts as (
    select
        orders.order_date as day, orders.store_id, order_items.product_id, orders.order_id,
        order_items.quantity, order_items.gross_amount, order_items.net_amount, 0 as refunded_amount
    from order_items
    inner join orders on order_items.order_id = orders.order_id
    where not orders.is_cancelled
    union all
    select
        refund_date as day, store_id, product_id, cast(null as string) as order_id,
        0 as quantity, 0 as gross_amount, 0 as net_amount, amount as refunded_amount
    from refunded_items
)

select
    facts.day as sales_date,
    coalesce(facts.store_id, 'online') as store_id,
    facts.product_id,
    count(distinct facts.order_id) as orders,
    cast(sum(facts.quantity) as decimal(18, 4)) as quantity,
    cast(sum(facts.gross_amount) as decimal(18, 4)) as gross_amount,
    cast(sum(facts.gross_amount) - sum(facts.net_amount) as decimal(18, 4)) as discount_amount,
    cast(sum(facts.refunded_amount) as decimal(18, 4)) as refunded_amount,
    cast(sum(facts.net_amount) - sum(facts.refunded_amount) as decimal(18, 4)) as net_amount
from facts
cross join as_of
where facts.day <= as_of.as_of_date
group by facts.day, coalesce(facts.store_id, 'online'), facts.product_id
