-- depends_on: {{ ref('gate_core') }}
with

decisions as (
    select * from {{ ref('decision_log') }} where customer_id is not null or product_id is not null
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

orders as (
    select order_id, customer_id, order_date, net_amount from {{ ref('fct_orders') }} where not is_cancelled
),

lines as (
    select order_items.product_id, order_items.quantity, order_items.net_amount, orders.order_date
    from {{ ref('fct_order_items') }} as order_items
    inner join orders on order_items.order_id = orders.order_id
),

-- What a decision can have moved: from the day after it, as long as it holds.
windows as (
    select
        decisions.*,
        date_add(decisions.decided_on, 1) as window_starts_on,
        date_add(decisions.decided_on, decisions.valid_days) as window_ends_on
    from decisions
),

by_customer as (
    select
        windows.decision_id,
        count(orders.order_id) as orders,
        coalesce(sum(orders.net_amount), 0) as net_revenue
    from windows
    left join orders
        on windows.customer_id = orders.customer_id
        and orders.order_date between windows.window_starts_on and windows.window_ends_on
    where windows.customer_id is not null
    group by windows.decision_id
),

by_product as (
    select
        windows.decision_id,
        coalesce(sum(lines.quantity), 0) as units,
        coalesce(sum(lines.net_amount), 0) as net_revenue
    from windows
    left join lines
        on windows.product_id = lines.product_id
        and lines.order_date between windows.window_starts_on and windows.window_ends_on
    where windows.product_id is not null
    group by windows.decision_id
),

measured as (
    select decision_id, 'orders' as outcome, cast(orders as double) as value from by_customer
    union all
    select decision_id, 'net_revenue' as outcome, cast(net_revenue as double) as value from by_customer
    union all
    select decision_id, 'units' as outcome, cast(units as double) as value from by_product
    union all
    select decision_id, 'net_revenue' as outcome, cast(net_revenue as double) as value from by_product
)

select
    windows.decision_id,
    windows.kind,
    windows.customer_id,
    windows.campaign_id,
    windows.choice,
    windows.propensity,
    measured.outcome,
    measured.value,
    windows.window_starts_on,
    windows.window_ends_on,
    windows.window_ends_on <= as_of.as_of_date as is_complete
from measured
inner join windows on measured.decision_id = windows.decision_id
cross join as_of
