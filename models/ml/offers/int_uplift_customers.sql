-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
-- depends_on: {{ ref('gate_core') }}
{#- Features of a customer are those of the day before: nothing from after an assignment enters but the outcome. -#}
{%- set days = var('experiment_days') %}
with

offers as (
    select distinct experiment_id, variant from {{ ref('offers') }} where experiment_id is not null
),

controls as (
    select experiment_id, variant from {{ ref('experiment_variants') }} where is_control
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

customers as (
    select
        customer_id, gender, age, city_tier, registered_on
    from {{ ref('dim_customers') }}
    where can_profile
),

orders as (
    select customer_id, order_date, net_amount from {{ ref('fct_orders') }} where not is_cancelled
),

sessions as (
    select customer_id, session_date from {{ ref('fct_sessions') }} where identified_by = 'login'
),

assigned as (
    select
        experiments.experiment_id,
        experiments.customer_id,
        experiments.variant = offers.variant as is_treated,
        {{ business_date('experiments.assigned_at') }} as assigned_on
    from {{ ref('stg_app__experiments') }} as experiments
    inner join offers on experiments.experiment_id = offers.experiment_id
    left join controls on experiments.experiment_id = controls.experiment_id
    where experiments.variant in (offers.variant, coalesce(controls.variant, {{ text_literal(var("experiment_control")) }}))
),

-- Those whose window is over are learned from, all others are scored as of today.
subjects as (
    select
        assigned.experiment_id,
        assigned.customer_id,
        assigned.is_treated,
        date_sub(assigned.assigned_on, 1) as known_until,
        date_add(assigned.assigned_on, {{ days }}) as outcome_until
    from assigned
    cross join as_of
    where date_add(assigned.assigned_on, {{ days }}) <= as_of.as_of_date
    union all
    select
        cast(null as string) as experiment_id,
        customers.customer_id,
        cast(null as boolean) as is_treated,
        as_of.as_of_date as known_until,
        as_of.as_of_date as outcome_until
    from customers
    cross join as_of
),

purchases as (
    select
        subjects.experiment_id,
        subjects.customer_id,
        subjects.known_until,
        datediff(subjects.known_until, max(orders.order_date) filter (where orders.order_date <= subjects.known_until)) as recency_days,
        count_if(orders.order_date <= subjects.known_until) as frequency,
        coalesce(sum(orders.net_amount) filter (where orders.order_date <= subjects.known_until), 0) as monetary,
        count_if(orders.order_date <= subjects.known_until and datediff(subjects.known_until, orders.order_date) < 90) as orders_90d,
        count_if(orders.order_date > subjects.known_until and orders.order_date < subjects.outcome_until) > 0 as has_ordered
    from subjects
    inner join orders on subjects.customer_id = orders.customer_id
    where orders.order_date < subjects.outcome_until or orders.order_date <= subjects.known_until
    group by subjects.experiment_id, subjects.customer_id, subjects.known_until
),

visits as (
    select
        subjects.experiment_id,
        subjects.customer_id,
        subjects.known_until,
        count(*) as visits_30d
    from subjects
    inner join sessions
        on subjects.customer_id = sessions.customer_id
        and sessions.session_date <= subjects.known_until
        and datediff(subjects.known_until, sessions.session_date) < 30
    group by subjects.experiment_id, subjects.customer_id, subjects.known_until
)

select
    subjects.experiment_id,
    subjects.customer_id,
    subjects.is_treated,
    subjects.known_until,
    customers.gender,
    cast(customers.age as double) as age,
    cast(customers.city_tier as string) as city_tier,
    cast(datediff(subjects.known_until, customers.registered_on) as double) as registered_days,
    cast(purchases.recency_days as double) as recency_days,
    cast(coalesce(purchases.frequency, 0) as double) as frequency,
    cast(coalesce(purchases.monetary, 0) as double) as monetary,
    cast(coalesce(purchases.orders_90d, 0) as double) as orders_90d,
    cast(coalesce(visits.visits_30d, 0) as double) as visits_30d,
    if(subjects.is_treated is null, null, coalesce(purchases.has_ordered, false)) as has_ordered
from subjects
inner join customers on subjects.customer_id = customers.customer_id
left join purchases
    on subjects.customer_id = purchases.customer_id and subjects.experiment_id <=> purchases.experiment_id
left join visits
    on subjects.customer_id = visits.customer_id and subjects.experiment_id <=> visits.experiment_id
