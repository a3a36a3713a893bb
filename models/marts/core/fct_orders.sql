-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
with

orders as (
    select * from {{ ref('stg_shop__orders') }}
),

order_items as (
    select * from {{ ref('fct_order_items') }}
),

refunds as (
    select order_id, sum(amount) as amount
    from {{ ref('stg_shop__refunds') }}
    group by order_id
),

customers as (
    select customer_id from {{ ref('dim_customers') }}
),

totals as (
    select
        order_id,
        sum(gross_amount) as gross_amount,
        sum(margin_amount) as margin_amount,
        sum(try_cast(quantity * original_unit_price as decimal(18, 4))) as original_gross_amount,
        cast(count(*) as int) as item_count
    from order_items
    group by order_id
),

-- Without a line there is nothing a discount could be taken off.
valued as (
    select
        orders.*,
        cast(coalesce(totals.gross_amount, 0) as decimal(18, 4)) as gross_amount,
        cast(if(totals.order_id is null, 0, coalesce(orders.discount_amount, 0)) as decimal(18, 4)) as applied_discount,
        cast(
            coalesce(totals.original_gross_amount, 0)
            - if(totals.order_id is null, 0, coalesce(orders.original_discount_amount, 0))
            as decimal(18, 4)
        ) as original_net_amount,
        cast(totals.margin_amount as decimal(18, 4)) as margin_amount,
        coalesce(totals.item_count, 0) as item_count,
        refunds.amount as refunded_amount
    from orders
    left join totals on orders.order_id = totals.order_id
    left join refunds on orders.order_id = refunds.order_id
)

select
    valued.order_id,
    customers.customer_id,
    valued.store_id,
    valued.channel,
    valued.status,
    valued.ordered_at,
    {{ business_date('valued.ordered_at') }} as order_date,
    valued.gross_amount,
    valued.applied_discount as discount_amount,
    cast(valued.gross_amount - valued.applied_discount as decimal(18, 4)) as net_amount,
    cast(coalesce(valued.shipping_amount, 0) as decimal(18, 4)) as shipping_amount,
    valued.item_count,
    valued.coupon_id,
    valued.paid_at,
    valued.paid_at is not null as is_paid,
    coalesce(valued.status = 'cancelled', false) as is_cancelled,
    valued.currency,
    valued.exchange_rate,
    valued.original_net_amount,
    cast(coalesce(
        valued.refunded_amount,
        {% if not var('count_refunded_orders') -%}
        if(valued.status = 'refunded', greatest(valued.gross_amount - valued.applied_discount, 0), null),
        {% endif -%}
        0
    ) as decimal(18, 4)) as refunded_amount,
    valued.margin_amount
from valued
left join customers on valued.customer_id = customers.customer_id
