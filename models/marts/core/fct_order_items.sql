-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
with

orders as (
    select order_id, currency, coalesce(discount_amount, 0) as discount_amount
    from {{ ref('stg_shop__orders') }}
),

order_items as (
    select
        order_item_id, order_id, product_id, quantity, unit_price, original_unit_price,
        try_cast(quantity * unit_price as decimal(18, 4)) as gross_amount
    from {{ ref('stg_shop__order_items') }}
),

products as (
    select product_id, unit_cost from {{ ref('stg_shop__products') }}
),

cumulated as (
    select
        order_items.*,
        orders.discount_amount,
        orders.currency,
        products.unit_cost,
        sum(abs(gross_amount)) over (partition by order_id order by order_item_id) as value_so_far,
        sum(abs(gross_amount)) over (partition by order_id) as order_value,
        count(*) over (partition by order_id order by order_item_id)
        = count(*) over (partition by order_id) as is_last_line
    from order_items
    inner join orders using (order_id)
    left join products on order_items.product_id = products.product_id
),

-- The order's discount is spread over its lines by value. Rounding the running total, and giving what is left to the
-- last line, makes the shares add up to the discount exactly.
discounted as (
    select
        *,
        case
            when is_last_line then discount_amount
            else cast(round(
                cast(discount_amount as double)
                * coalesce(try_divide(cast(value_so_far as double), cast(order_value as double)), 0), 4
            ) as decimal(18, 4))
        end as discount_so_far
    from cumulated
),

netted as (
    select
        *,
        cast(
            gross_amount - discount_so_far
            + coalesce(lag(discount_so_far) over (partition by order_id order by order_item_id), 0)
            as decimal(18, 4)
        ) as net_amount
    from discounted
)

select
    order_item_id,
    order_id,
    product_id,
    quantity,
    unit_price,
    gross_amount,
    net_amount,
    try_cast(net_amount - quantity * unit_cost as decimal(18, 4)) as margin_amount,
    currency,
    original_unit_price
from netted
