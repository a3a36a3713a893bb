-- depends_on: {{ ref('gate_core') }}
with

refunds as (
    select * from {{ ref('fct_refunds') }} where is_counted and amount > 0
),

order_items as (
    select order_item_id, order_id, product_id, abs(net_amount) as value from {{ ref('fct_order_items') }}
),

-- The line that was refunded, or all lines of the order by value; equal ones where all are worth nothing.
weighed as (
    select
        refunds.*,
        order_items.order_item_id as item_id,
        order_items.product_id,
        if(sum(order_items.value) over (partition by refunds.refund_id) > 0, order_items.value, 1) as weight
    from refunds
    inner join order_items
        on refunds.order_id = order_items.order_id
        and (refunds.order_item_id is null or refunds.order_item_id = order_items.order_item_id)
),

shares as (
    select
        *,
        cast(sum(weight) over (partition by refund_id order by item_id) as double)
        / cast(sum(weight) over (partition by refund_id) as double) as share_so_far,
        lead(item_id) over (partition by refund_id order by item_id) is null as is_last
    from weighed
),

so_far as (
    select
        *,
        {{ part_so_far('amount', 'share_so_far', 'is_last') }} as amount_so_far
    from shares
)

select
    refund_id,
    item_id as order_item_id,
    order_id,
    product_id,
    store_id,
    refund_date,
    cast(
        amount_so_far - coalesce(lag(amount_so_far) over (partition by refund_id order by item_id), 0) as decimal(18, 4)
    ) as amount
from so_far
