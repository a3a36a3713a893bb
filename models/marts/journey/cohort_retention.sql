-- depends_on: {{ ref('gate_core') }}
with

orders as (
    select * from {{ ref('fct_orders') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

purchases as (
    select
        orders.customer_id,
        trunc(orders.order_date, 'month') as order_month,
        sum(orders.net_amount) as revenue
    from orders
    cross join as_of
    where not orders.is_cancelled and orders.customer_id is not null and orders.order_date <= as_of.as_of_date
    group by orders.customer_id, trunc(orders.order_date, 'month')
),

cohorts as (
    select customer_id, min(order_month) as cohort_month from purchases group by customer_id
),

activity as (
    select
        cohorts.cohort_month,
        cast(months_between(purchases.order_month, cohorts.cohort_month) as int) as month_number,
        count(*) as active_customers,
        sum(purchases.revenue) as revenue
    from purchases
    inner join cohorts on purchases.customer_id = cohorts.customer_id
    group by cohorts.cohort_month, purchases.order_month
),

-- Every month up to the as-of date, also those in which nobody of the cohort bought.
cohort_months as (
    select
        sizes.cohort_month,
        sizes.cohort_customers,
        explode(sequence(0, cast(months_between(trunc(as_of.as_of_date, 'month'), sizes.cohort_month) as int)))
            as month_number,
        as_of.as_of_date
    from (select cohort_month, count(*) as cohort_customers from cohorts group by cohort_month) as sizes
    cross join as_of
)

select
    cohort_months.cohort_month,
    cohort_months.month_number,
    cohort_months.cohort_customers,
    coalesce(activity.active_customers, 0) as active_customers,
    cast(coalesce(activity.active_customers, 0) as double) / cohort_months.cohort_customers as retention_rate,
    cast(coalesce(activity.revenue, 0) as decimal(18, 4)) as revenue,
    last_day(add_months(cohort_months.cohort_month, cohort_months.month_number)) <= cohort_months.as_of_date as is_complete
from cohort_months
left join activity
    on cohort_months.cohort_month = activity.cohort_month
    and cohort_months.month_number = activity.month_number
