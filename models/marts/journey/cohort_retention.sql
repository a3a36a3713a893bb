-- depends_on: {{ ref('gate_core') }}
with

-- A refund takes off revenue in its own month, whether the customer bought in it or not.
facts as (
    select customer_id, order_date as day, net_amount as amount, 1 as orders
    from {{ ref('fct_orders') }}
    where not is_cancelled
    union all
    select customer_id, refund_date as day, -amount as amount, 0 as orders
    from {{ ref('fct_refunds') }}
    where is_counted
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

purchases as (
    select
        facts.customer_id,
        trunc(facts.day, 'month') as order_month,
        sum(facts.orders) as orders,
        sum(facts.amount) as revenue
    from facts
    cross join as_of
    where facts.customer_id is not null and facts.day <= as_of.as_of_date
    group by facts.customer_id, trunc(facts.day, 'month')
),

cohorts as (
    select customer_id, min(order_month) as cohort_month from purchases group by customer_id
),

activity as (
    select
        cohorts.cohort_month,
        cast(months_between(purchases.order_month, cohorts.cohort_month) as int) as month_number,
        count_if(purchases.orders > 0) as active_customers,
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
