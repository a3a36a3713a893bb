-- depends_on: {{ ref('gate_core') }}
-- Of what the lines of a year with a known cost bring, what is left after that cost.
with

orders as (
    select order_id, order_date from {{ ref('fct_orders') }} where not is_cancelled
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

costs as (
    select product_id, unit_cost from {{ ref('int_priced_products') }} where unit_cost is not null
)

select
    {{ rate('sum(order_items.net_amount - order_items.quantity * costs.unit_cost)', 'sum(order_items.net_amount)') }}
        as gross_margin,
    count(*) as lines
from {{ ref('fct_order_items') }} as order_items
inner join orders on order_items.order_id = orders.order_id
inner join as_of on orders.order_date > date_sub(as_of.as_of_date, 365) and orders.order_date <= as_of.as_of_date
inner join costs on order_items.product_id = costs.product_id
