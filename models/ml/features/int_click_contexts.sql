-- depends_on: {{ ref('gate_core') }}
with

impressions as (
    select
        channel,
        coalesce(device_type, 'unknown') as device_type,
        coalesce(ad_position, 'unknown') as ad_position,
        shown_date,
        is_clicked
    from {{ ref('fct_ad_impressions') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

counts as (
    select
        impressions.channel, impressions.device_type, impressions.ad_position, impressions.shown_date,
        count(*) as impressions,
        count_if(impressions.is_clicked) as clicks
    from impressions
    inner join as_of on impressions.shown_date <= as_of.as_of_date
    group by impressions.channel, impressions.device_type, impressions.ad_position, impressions.shown_date
),

-- The day after the as-of date has no impressions yet: its rate is the one to score with.
days as (
    select channel, device_type, ad_position, shown_date, impressions, clicks from counts
    union all
    select distinct
        counts.channel, counts.device_type, counts.ad_position,
        date_add(as_of.as_of_date, 1) as shown_date, 0 as impressions, 0 as clicks
    from counts
    cross join as_of
),

cumulated as (
    select
        *,
        sum(impressions) over before as impressions_before,
        sum(clicks) over before as clicks_before
    from days
    window before as (
        partition by channel, device_type, ad_position
        order by shown_date
        rows between unbounded preceding and 1 preceding
    )
)

select
    channel,
    device_type,
    ad_position,
    shown_date,
    -- One click of twenty is added, so that the first impressions do not decide alone.
    cast((coalesce(clicks_before, 0) + 1) as double) / (coalesce(impressions_before, 0) + 20) as context_click_rate
from cumulated
