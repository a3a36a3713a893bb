-- depends_on: {{ ref('gate_core') }}
with

impressions as (
    select channel, shown_date, is_clicked, is_converted, cost, revenue from {{ ref('fct_ad_impressions') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- Of the newest days the orders after a click are not all known yet.
settled as (
    select
        impressions.*,
        cast(date_trunc('week', impressions.shown_date) as date) as week_start_date
    from impressions
    cross join as_of
    where date_add(impressions.shown_date, {{ var('conversion_window_days') }}) <= as_of.as_of_date
)

select
    settled.channel,
    settled.week_start_date,
    count(*) as impressions,
    count_if(settled.is_clicked) as clicks,
    count_if(settled.is_converted) as conversions,
    cast(sum(settled.cost) as double) as spend,
    cast(sum(settled.revenue) as double) as revenue
from settled
cross join as_of
-- A week that has just begun would look like one with little spent.
where
    settled.channel is not null
    and date_add(settled.week_start_date, 6 + {{ var('conversion_window_days') }}) <= as_of.as_of_date
group by settled.channel, settled.week_start_date
