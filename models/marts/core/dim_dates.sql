with

seen as (
    select order_date as date_day from {{ ref('fct_orders') }}
    union all
    select event_date from {{ ref('fct_events') }}
    union all
    select shown_date from {{ ref('fct_ad_impressions') }}
),

-- Whole years, so that a year compares with a year; without data there are no days.
span as (
    select
        trunc(min(date_day), 'YEAR') as first_day,
        date_sub(add_months(trunc(max(date_day), 'YEAR'), 24), 1) as last_day
    from seen
),

days as (
    select explode(sequence(first_day, last_day)) as date_day
    from span
    where first_day is not null
)

select
    date_day,
    cast(year(date_day) as int) as calendar_year,
    cast(quarter(date_day) as int) as calendar_quarter,
    cast(month(date_day) as int) as calendar_month,
    trunc(date_day, 'MONTH') as month_start,
    trunc(date_day, 'WEEK') as week_start,
    cast(weekday(date_day) + 1 as int) as day_of_week,
    weekday(date_day) >= 5 as is_weekend
from days
