-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_merchandising') }}
with

sales as (
    select * from {{ ref('daily_sales') }}
),

products as (
    select product_id, category from {{ ref('dim_products') }}
),

sessions as (
    select session_date from {{ ref('fct_sessions') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

series as (
    select
        concat('category: ', coalesce(products.category, 'unknown')) as series_id,
        sales.sales_date as date,
        cast(sum(sales.quantity) as double) as value
    from sales
    left join products on sales.product_id = products.product_id
    group by products.category, sales.sales_date
    union all
    select 'visits' as series_id, session_date as date, cast(count(*) as double) as value
    from sessions
    group by session_date
)

select series.series_id, series.date, series.value
from series
inner join as_of on series.date <= as_of.as_of_date
