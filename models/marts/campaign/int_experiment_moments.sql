-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_app') }}
{%- set window = 'make_dt_interval(' ~ var('experiment_days') ~ ')' %}

with

assignments as (
    select experiment_id, customer_id, variant, assigned_at
    from {{ ref('stg_app__experiments') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

orders as (
    select customer_id, ordered_at, net_amount
    from {{ ref('fct_orders') }}
    cross join as_of
    where not is_cancelled and order_date <= as_of_date
),

-- Who was assigned counts, with or without an order: to leave out the others would compare different people.
customers as (
    select
        assignments.experiment_id,
        assignments.variant,
        assignments.customer_id,
        date_add({{ business_date('assignments.assigned_at') }}, {{ var('experiment_days') }}) as window_ends_on,
        count(orders.customer_id) as orders,
        coalesce(sum(orders.net_amount), 0) as revenue
    from assignments
    left join orders
        on assignments.customer_id = orders.customer_id
        and orders.ordered_at >= assignments.assigned_at
        and orders.ordered_at < assignments.assigned_at + {{ window }}
    group by assignments.experiment_id, assignments.variant, assignments.customer_id, assignments.assigned_at
),

metrics as (
    select explode(array('conversion', 'orders_per_customer', 'revenue_per_customer')) as metric
),

valued as (
    select
        customers.experiment_id,
        customers.variant,
        metrics.metric,
        customers.window_ends_on,
        cast(case metrics.metric
            when 'conversion' then if(customers.orders > 0, 1, 0)
            when 'orders_per_customer' then customers.orders
            else customers.revenue
        end as decimal(18, 4)) as value
    from customers
    cross join metrics
)

select
    valued.experiment_id,
    valued.variant,
    valued.metric,
    count(*) as n,
    count_if(valued.value <> 0) as active,
    cast(sum(valued.value) as double) as total,
    cast(sum(cast(valued.value * valued.value as decimal(28, 8))) as double) as sum_of_squares,
    max(valued.window_ends_on) <= max(as_of.as_of_date) as is_complete
from valued
cross join as_of
group by valued.experiment_id, valued.variant, valued.metric
