-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_customer') }}
with

customers as (
    select
        customer_id, gender, age_band, membership_level, city_tier, registered_on,
        {{ business_date('membership_expires_at') }} as membership_expires_on
    from {{ ref('dim_customers') }}
    where can_profile
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

orders as (
    select customer_id, order_date, order_value from {{ ref('int_order_values') }}
),

tickets as (
    select
        customer_id, {{ business_date('opened_at') }} as opened_on, satisfaction, is_filled_satisfaction
    from {{ ref('stg_crm__service_tickets') }}
),

history as (
    select min(order_date) as starts_on from orders
),

-- What was bought on one day is one purchase: an order more on the same day says nothing about the next.
days as (
    select customer_id, order_date, sum(order_value) as amount, count(*) as orders
    from orders
    where customer_id is not null
    group by customer_id, order_date
),

-- The newest stretch of time is held out of a second summary, to see how well it would have been foreseen.
cutoff as (
    select date_sub(as_of_date, {{ var('value_holdout_days') }}) as cutoff_date from as_of
),

purchases as (
    select
        days.customer_id,
        min(days.order_date) as first_order_date,
        max(days.order_date) as last_order_date,
        sum(days.orders) as orders,
        count(*) as purchase_days,
        cast(sum(days.amount) as double) / count(*) as average_amount,
        -- The first purchase tells of the way in: Gamma-Gamma is about those that follow.
        cast(sum(if(days.order_date > firsts.first_order_date, days.amount, 0)) as double)
        / nullif(count(*) - 1, 0) as average_repeat_amount,
        count_if(days.order_date <= cutoff.cutoff_date) - 1 as earlier_frequency,
        datediff(max(if(days.order_date <= cutoff.cutoff_date, days.order_date, null)), min(days.order_date))
            as earlier_recency_days,
        datediff(max(cutoff.cutoff_date), min(days.order_date)) as earlier_age_days,
        count_if(days.order_date > cutoff.cutoff_date) as later_purchases
    from days
    cross join cutoff
    inner join (select customer_id, min(order_date) as first_order_date from days group by customer_id) as firsts
        on days.customer_id = firsts.customer_id
    group by days.customer_id
),

-- A customer is under observation from the registration on, or from where the history of orders begins.
entries as (
    select
        purchases.customer_id,
        least(purchases.first_order_date, greatest(customers.registered_on, history.starts_on)) as entry_date
    from purchases
    cross join history
    inner join customers on purchases.customer_id = customers.customer_id
),

-- Rated 1 or 2 within a month of it; what comes later may be an effect of leaving, not a cause.
complaints as (
    select distinct tickets.customer_id
    from tickets
    inner join entries on tickets.customer_id = entries.customer_id
    where
        tickets.satisfaction <= 2
        and not tickets.is_filled_satisfaction
        and tickets.opened_on <= date_add(entries.entry_date, 31)
)

select
    customers.customer_id,
    customers.gender,
    customers.age_band,
    customers.membership_level,
    cast(customers.city_tier as string) as city_tier,
    customers.membership_expires_on,
    complaints.customer_id is not null as is_dissatisfied,
    -- Years as a customer before the history of orders begins, 0 for who came later.
    cast(greatest(coalesce(datediff(history.starts_on, customers.registered_on), 0), 0) / 365.25D as double)
        as tenure_years_at_entry,
    entries.entry_date,
    purchases.first_order_date,
    purchases.last_order_date,
    purchases.orders,
    cast(purchases.purchase_days - 1 as double) as frequency,
    cast(datediff(purchases.last_order_date, purchases.first_order_date) as double) as recency_days,
    cast(datediff(as_of.as_of_date, purchases.first_order_date) as double) as age_days,
    purchases.average_amount,
    purchases.average_repeat_amount,
    -- Null for who had not bought by then.
    cast(if(purchases.earlier_frequency >= 0, purchases.earlier_frequency, null) as double) as earlier_frequency,
    cast(purchases.earlier_recency_days as double) as earlier_recency_days,
    cast(if(purchases.earlier_frequency >= 0, purchases.earlier_age_days, null) as double) as earlier_age_days,
    cast(purchases.later_purchases as double) as later_purchases,
    as_of.as_of_date
from customers
cross join as_of
cross join history
inner join purchases on customers.customer_id = purchases.customer_id
inner join entries on customers.customer_id = entries.customer_id
left join complaints on customers.customer_id = complaints.customer_id
