with

gains as (
    select * from {{ ref('int_coupon_gains') }}
),

-- Orders without any coupon, in the same month, of customers who had ordered as often.
comparable as (
    select
        order_month,
        frequency_band,
        cast(avg(gain) as double) as mean_gain,
        coalesce(var_samp(cast(gain as double)), 0) / count(*) as squared_error
    from gains
    where coupon_id is null
    group by order_month, frequency_band
),

compared as (
    select
        gains.coupon_id,
        gains.customer_id,
        gains.order_month,
        gains.frequency_band,
        cast(gains.gain as double) - comparable.mean_gain as uplift,
        comparable.squared_error
    from gains
    inner join comparable
        on gains.order_month = comparable.order_month
        and gains.frequency_band = comparable.frequency_band
    where gains.coupon_id is not null
),

means as (
    select coupon_id, count(*) as orders, avg(uplift) as uplift
    from compared
    group by coupon_id
),

-- Orders of one customer resemble each other: the customers vary independently, not the orders.
customers as (
    select
        compared.coupon_id,
        compared.customer_id,
        sum(compared.uplift - means.uplift) as deviation
    from compared
    inner join means on compared.coupon_id = means.coupon_id
    group by compared.coupon_id, compared.customer_id
),

own_errors as (
    select
        coupon_id,
        count(*) as customers,
        sum(deviation * deviation) * count(*) / nullif(count(*) - 1, 0) as squared_deviation
    from customers
    group by coupon_id
),

cells as (
    select coupon_id, pow(count(*), 2) * max(squared_error) as squared_error
    from compared
    group by coupon_id, order_month, frequency_band
),

comparison_errors as (
    select coupon_id, sum(squared_error) as squared_error
    from cells
    group by coupon_id
)

select
    means.coupon_id,
    means.orders as compared_orders,
    own_errors.customers as compared_customers,
    means.uplift,
    sqrt(own_errors.squared_deviation + comparison_errors.squared_error) / means.orders as standard_error
from means
inner join own_errors on means.coupon_id = own_errors.coupon_id
inner join comparison_errors on means.coupon_id = comparison_errors.coupon_id
