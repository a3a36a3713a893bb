-- Fails for each day and store whose sales differ from its orders by anything at all.
with

sales as (
    select sales_date, store_id, gross_amount, discount_amount, net_amount from {{ ref('daily_sales') }}
    union all
    select
        orders.order_date as sales_date,
        coalesce(orders.store_id, 'online') as store_id,
        -orders.gross_amount as gross_amount,
        -orders.discount_amount as discount_amount,
        -orders.net_amount as net_amount
    from {{ ref('fct_orders') }} as orders
    cross join {{ ref('int_as_of') }} as as_of
    where not orders.is_cancelled and orders.order_date <= as_of.as_of_date
    union all
    select
        refunds.refund_date as sales_date,
        coalesce(refunds.store_id, 'online') as store_id,
        0 as gross_amount,
        0 as discount_amount,
        refunds.amount as net_amount
    from {{ ref('fct_refunds') }} as refunds
    cross join {{ ref('int_as_of') }} as as_of
    where refunds.is_counted and refunds.refund_date <= as_of.as_of_date
)

select
    sales_date,
    store_id,
    sum(gross_amount) as gross_difference,
    sum(discount_amount) as discount_difference,
    sum(net_amount) as net_difference
from sales
group by sales_date, store_id
having sum(gross_amount) <> 0 or sum(discount_amount) <> 0 or sum(net_amount) <> 0
