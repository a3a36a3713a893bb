-- Fails if the cohorts' revenue or customers are not those of the orders.
with

cohorts as (
    select
        coalesce(sum(revenue), 0) as revenue,
        coalesce(sum(if(month_number = 0, cohort_customers, 0)), 0) as customers
    from {{ ref('cohort_retention') }}
),

orders as (
    select
        coalesce(sum(orders.net_amount), 0) - max(refunds.amount) as revenue,
        count(distinct orders.customer_id) as customers
    from {{ ref('fct_orders') }} as orders
    cross join {{ ref('int_as_of') }} as as_of
    cross join (
        select coalesce(sum(refunds.amount), 0) as amount
        from {{ ref('fct_refunds') }} as refunds
        inner join {{ ref('int_as_of') }} as as_of on refunds.refund_date <= as_of.as_of_date
        where refunds.is_counted and refunds.customer_id is not null
    ) as refunds
    where not orders.is_cancelled and orders.customer_id is not null and orders.order_date <= as_of.as_of_date
)

select cohorts.revenue, cohorts.customers, orders.revenue as order_revenue, orders.customers as order_customers
from cohorts
cross join orders
where cohorts.revenue <> orders.revenue or cohorts.customers <> orders.customers
