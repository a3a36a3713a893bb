-- depends_on: {{ ref('gate_core') }}
with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

orders as (
    select customer_id, coupon_id, order_date, net_amount, discount_amount
    from {{ ref('fct_orders') }}
    cross join as_of
    where not is_cancelled and order_date <= as_of_date
),

estimates as (
    select * from {{ ref('int_coupon_estimates') }}
),

coupons as (
    select
        coupon_id,
        count(*) as orders,
        count(distinct customer_id) as customers,
        min(order_date) as first_used_on,
        max(order_date) as last_used_on,
        sum(net_amount) as net_revenue,
        sum(discount_amount) as discount_given
    from orders
    where coupon_id is not null
    group by coupon_id
),

days as (
    select
        order_date,
        count(*) as orders,
        count_if(coupon_id is null) as orders_without,
        sum(if(coupon_id is null, net_amount, 0)) as revenue_without
    from orders
    group by order_date
),

-- All orders of the days from the coupon's first to its last use.
periods as (
    select
        coupons.coupon_id,
        sum(days.orders) as orders,
        sum(days.orders_without) as orders_without,
        sum(days.revenue_without) as revenue_without
    from coupons
    inner join days on days.order_date between coupons.first_used_on and coupons.last_used_on
    group by coupons.coupon_id
)

select
    coupons.coupon_id,
    coupons.first_used_on,
    coupons.last_used_on,
    coupons.orders,
    coupons.customers,
    {{ rate('coupons.orders', 'periods.orders') }} as redemption_rate,
    cast(coupons.net_revenue as decimal(18, 4)) as net_revenue,
    cast(coupons.discount_given as decimal(18, 4)) as discount_given,
    cast(coupons.net_revenue / coupons.orders as decimal(18, 4)) as average_order_value,
    cast(periods.revenue_without / nullif(periods.orders_without, 0) as decimal(18, 4)) as average_order_value_without,
    coalesce(estimates.compared_orders, 0) as compared_orders,
    coalesce(estimates.compared_customers, 0) as compared_customers,
    estimates.uplift,
    -- The normal interval needs some customers to be one.
    case when estimates.compared_customers >= 30 then estimates.uplift - 1.96D * estimates.standard_error end as uplift_low,
    case when estimates.compared_customers >= 30 then estimates.uplift + 1.96D * estimates.standard_error end as uplift_high
from coupons
inner join periods on coupons.coupon_id = periods.coupon_id
left join estimates on coupons.coupon_id = estimates.coupon_id
