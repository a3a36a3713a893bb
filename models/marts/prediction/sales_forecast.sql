-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_merchandising') }}
with

forecasts as (
    select * from {{ ref('demand_forecast') }} where series_id <> 'visits'
),

sales as (
    select product_id, sales_date, quantity from {{ ref('daily_sales') }}
),

products as (
    select product_id, category from {{ ref('dim_products') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- A product's share of its category in the last eight weeks: whole weeks, long enough for rare buyers.
recent as (
    select
        sales.product_id,
        concat('category: ', coalesce(products.category, 'unknown')) as series_id,
        cast(sum(greatest(sales.quantity, 0)) as double) as quantity
    from sales
    cross join as_of
    left join products on sales.product_id = products.product_id
    where sales.sales_date > date_sub(as_of.as_of_date, 56)
    group by sales.product_id, products.category
),

shares as (
    select
        *,
        quantity / nullif(sum(quantity) over (partition by series_id), 0) as category_share
    from recent
),

expected as (
    select
        shares.product_id,
        forecasts.forecast_date,
        forecasts.series_id,
        forecasts.method,
        shares.category_share * forecasts.forecast as forecast,
        -- The error of the category (a 90% interval is 3.29 standard deviations wide), and that of counting: Poisson.
        sqrt(
            power(shares.category_share * (coalesce(forecasts.high - forecasts.low, 0)) / 3.29, 2)
            + shares.category_share * forecasts.forecast
        ) as deviation
    from shares
    inner join forecasts on shares.series_id = forecasts.series_id
    where shares.category_share is not null
)

select
    product_id,
    forecast_date,
    forecast,
    greatest(forecast - 1.645 * deviation, 0) as low,
    forecast + 1.645 * deviation as high,
    series_id,
    method
from expected
