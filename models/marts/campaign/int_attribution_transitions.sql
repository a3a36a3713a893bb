-- depends_on: {{ ref('gate_core') }}
{%- set days = var('attribution_lookback_days') %}

with

touches as (
    select order_id, touch_number, channel, impression_id from {{ ref('int_attribution_touches') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- Clicks that led to nothing. Those after which an order may still come are left out.
lost_clicks as (
    select
        impressions.customer_id,
        impressions.impression_id,
        coalesce(impressions.channel, 'unknown') as channel,
        impressions.clicked_at,
        lag(impressions.clicked_at) over (
            partition by impressions.customer_id order by impressions.clicked_at, impressions.impression_id
        ) as click_before
    from {{ ref('fct_ad_impressions') }} as impressions
    cross join as_of
    where
        impressions.is_clicked
        and impressions.customer_id is not null
        and date_add({{ business_date('impressions.clicked_at') }}, {{ days }}) <= as_of.as_of_date
        and not exists (select 1 from touches where touches.impression_id = impressions.impression_id)
),

-- A pause longer than the lookback begins a new path: no order could have counted the clicks on both sides of it.
numbered as (
    select
        *,
        count_if(click_before is null or clicked_at > click_before + make_dt_interval({{ days }})) over (
            partition by customer_id order by clicked_at, impression_id
            rows between unbounded preceding and current row
        ) as path_number
    from lost_clicks
),

steps as (
    select
        'order ' || order_id as path,
        touch_number,
        channel,
        '(conversion)' as end_state
    from touches
    union all
    select
        'customer ' || customer_id || ' ' || path_number as path,
        row_number() over (partition by customer_id, path_number order by clicked_at, impression_id) as touch_number,
        channel,
        '(lost)' as end_state
    from numbered
),

linked as (
    select
        channel,
        end_state,
        lag(channel, 1, '(start)') over (partition by path order by touch_number) as state_before,
        lead(channel) over (partition by path order by touch_number) as channel_after
    from steps
),

-- Every touch is entered from somewhere; the last one is left for an end.
transitions as (
    select state_before as from_state, channel as to_state from linked
    union all
    select channel as from_state, end_state as to_state from linked where channel_after is null
)

select
    from_state,
    to_state,
    count(*) as transitions
from transitions
group by from_state, to_state
