-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_app') }}

with

assignments as (
    select experiment_id, customer_id, variant, assigned_at
    from {{ ref('stg_app__experiments') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

metrics as (
    select
        metric, source, aggregate,
        make_dt_interval(coalesce(window_days, {{ var('experiment_days') }})) as follow_up,
        coalesce(window_days, {{ var('experiment_days') }}) as window_days
    from {{ ref('experiment_metrics') }}
),

-- What customers did, and how much it was.
facts as (
    select 'orders' as source, customer_id, ordered_at as happened_at, order_date as day, net_amount as amount
    from {{ ref('fct_orders') }}
    where not is_cancelled
    union all
    select 'visits' as source, customer_id, started_at as happened_at, session_date as day, events as amount
    from {{ ref('fct_sessions') }}
    union all
    select 'clicks' as source, customer_id, shown_at as happened_at, shown_date as day, cost as amount
    from {{ ref('fct_ad_impressions') }}
    where is_clicked
),

known_facts as (
    select facts.source, facts.customer_id, facts.happened_at, facts.amount
    from facts
    inner join as_of on facts.day <= as_of.as_of_date
),

-- Who was assigned counts, whatever he did: to leave out the others would compare different people. What he did in as many
-- days before tells how he would have gone on.
customers as (
    select
        assignments.experiment_id,
        assignments.variant,
        assignments.customer_id,
        metrics.metric,
        metrics.aggregate,
        date_add({{ business_date('assignments.assigned_at') }}, metrics.window_days) as window_ends_on,
        count_if(known_facts.happened_at >= assignments.assigned_at) as times,
        coalesce(sum(known_facts.amount) filter (where known_facts.happened_at >= assignments.assigned_at), 0) as amount,
        count_if(known_facts.happened_at < assignments.assigned_at) as times_before,
        coalesce(sum(known_facts.amount) filter (where known_facts.happened_at < assignments.assigned_at), 0) as amount_before
    from assignments
    cross join metrics
    left join known_facts
        on assignments.customer_id = known_facts.customer_id
        and metrics.source = known_facts.source
        and known_facts.happened_at >= assignments.assigned_at - metrics.follow_up
        and known_facts.happened_at < assignments.assigned_at + metrics.follow_up
    group by
        assignments.experiment_id, assignments.variant, assignments.customer_id, assignments.assigned_at,
        metrics.metric, metrics.aggregate, metrics.window_days
),

valued as (
    select
        *,
        {{ experiment_value('times', 'amount') }} as value,
        {{ experiment_value('times_before', 'amount_before') }} as value_before
    from customers
)

select
    valued.experiment_id,
    valued.variant,
    valued.metric,
    count(*) as n,
    count_if(valued.value <> 0) as active,
    cast(sum(valued.value) as double) as total,
    cast(sum(cast(valued.value * valued.value as decimal(28, 8))) as double) as sum_of_squares,
    cast(sum(valued.value_before) as double) as total_before,
    cast(sum(cast(valued.value_before * valued.value_before as decimal(28, 8))) as double) as sum_of_squares_before,
    cast(sum(cast(valued.value * valued.value_before as decimal(28, 8))) as double) as sum_of_products,
    max(valued.window_ends_on) <= max(as_of.as_of_date) as is_complete
from valued
cross join as_of
group by valued.experiment_id, valued.variant, valued.metric
