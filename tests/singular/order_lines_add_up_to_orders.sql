-- What the lines say after discount is what the order says, exactly.
select
    orders.order_id,
    orders.net_amount,
    sum(order_items.net_amount) as net_amount_of_lines
from {{ ref('fct_orders') }} as orders
inner join {{ ref('fct_order_items') }} as order_items on orders.order_id = order_items.order_id
group by orders.order_id, orders.net_amount
having orders.net_amount <> sum(order_items.net_amount)
