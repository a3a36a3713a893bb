-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_app') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_core') }}
with

products as (
    select product_id, category from {{ ref('dim_products') }}
),

as_of as (
    -- The last day of the last complete week.
    select date_sub(date_trunc('week', date_add(as_of_date, 1)), 1) as last_day from {{ ref('int_as_of') }}
),

outliers as (
    select order_item_id from {{ ref('stg_shop__order_items') }} where is_outlier_quantity
),

-- What is taken back is no demand, what is cancelled never was, and a slip of the keyboard is neither.
sales as (
    select order_items.product_id, orders.order_date, order_items.quantity, order_items.unit_price
    from {{ ref('fct_order_items') }} as order_items
    inner join {{ ref('fct_orders') }} as orders on order_items.order_id = orders.order_id
    inner join as_of on orders.order_date <= as_of.last_day
    left anti join outliers on order_items.order_item_id = outliers.order_item_id
    where not orders.is_cancelled and order_items.quantity > 0 and order_items.unit_price > 0
),

days as (
    select
        product_id,
        order_date,
        cast(sum(quantity) as double) as units,
        cast(sum(quantity * unit_price) / sum(quantity) as double) as price
    from sales
    group by product_id, order_date
),

-- A day without a sale shows no price: that of the last sale holds.
spells as (
    select
        days.product_id,
        days.price,
        days.order_date as starts_on,
        coalesce(
            date_sub(lead(days.order_date) over (partition by days.product_id order by days.order_date), 1), as_of.last_day
        ) as ends_on
    from days
    cross join as_of
),

spell_weeks as (
    select
        *,
        explode(sequence(
            cast(date_trunc('week', starts_on) as date), cast(date_trunc('week', ends_on) as date), interval 7 days
        )) as week_start_date
    from spells
),

-- The mean over the days of a week, not over what was sold: a price at which nothing was sold counts as well.
prices as (
    select
        product_id,
        week_start_date,
        sum(price * days) / sum(days) as price
    from (
        select
            *,
            datediff(least(ends_on, date_add(week_start_date, 6)), greatest(starts_on, week_start_date)) + 1 as days
        from spell_weeks
    ) as parts
    group by product_id, week_start_date
),

sold as (
    select
        product_id,
        cast(date_trunc('week', order_date) as date) as week_start_date,
        sum(units) as units
    from days
    group by product_id, cast(date_trunc('week', order_date) as date)
),

begun as (
    select product_id, min(week_start_date) as first_week from sold group by product_id
),

stock as (
    select
        product_id,
        stock_date,
        sum(on_hand) > 0 as is_stocked
    from {{ ref('stg_shop__inventory') }}
    group by product_id, stock_date
),

stocked as (
    select
        product_id,
        cast(date_trunc('week', stock_date) as date) as week_start_date,
        avg(if(is_stocked, 1D, 0D)) as stocked_share
    from stock
    group by product_id, cast(date_trunc('week', stock_date) as date)
)

select
    prices.product_id,
    products.category,
    prices.week_start_date,
    prices.price,
    coalesce(sold.units, 0) as units,
    stocked.stocked_share
from prices
-- The week of the first sale has one by construction, so it tells nothing of demand.
inner join begun on prices.product_id = begun.product_id and prices.week_start_date > begun.first_week
left join products on prices.product_id = products.product_id
left join sold on prices.product_id = sold.product_id and prices.week_start_date = sold.week_start_date
left join stocked on prices.product_id = stocked.product_id and prices.week_start_date = stocked.week_start_date
