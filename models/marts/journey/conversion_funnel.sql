-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_segments') }}
{%- set depth_of_touchpoint = funnel_depth(['reached_1', 'reached_2', 'reached_3', 'reached_4']) %}
{%- set depth_of_day = funnel_depth(['max(reached_1)', 'max(reached_2)', 'max(reached_3)', 'max(reached_4)']) %}

with

sessions as (
    select * from {{ ref('fct_sessions') }}
),

order_visits as (
    select session_id, max(is_paid) as is_paid from {{ ref('int_order_visits') }} group by session_id
),

impressions as (
    select * from {{ ref('fct_ad_impressions') }}
),

segments as (
    select customer_id, segment_name from {{ ref('customer_segments') }}
),

steps as (
    select * from {{ ref('funnel_steps') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- Visits and impressions, and which steps each reached by itself.
touchpoints as (
    select
        'behaviour' as funnel,
        sessions.session_date as funnel_date,
        coalesce(sessions.device_type, 'unknown') as channel,
        sessions.customer_id,
        coalesce(sessions.customer_id, sessions.anonymous_id, sessions.session_id) as person,
        sessions.views > 0 as reached_1,
        sessions.carts > 0 as reached_2,
        order_visits.session_id is not null as reached_3,
        coalesce(order_visits.is_paid, false) as reached_4
    from sessions
    left join order_visits on sessions.session_id = order_visits.session_id
    union all
    select
        'advertising' as funnel,
        shown_date as funnel_date,
        coalesce(channel, 'unknown') as channel,
        customer_id,
        coalesce(customer_id, impression_id) as person,
        true as reached_1,
        is_clicked as reached_2,
        is_converted as reached_3,
        false as reached_4
    from impressions
),

described as (
    select
        touchpoints.*,
        coalesce(segments.segment_name, 'not profiled') as segment_name
    from touchpoints
    cross join as_of
    left join segments on touchpoints.customer_id = segments.customer_id
    where touchpoints.funnel_date <= as_of.as_of_date
),

people as (
    select funnel, funnel_date, channel, segment_name, person, {{ depth_of_day }} as depth
    from described
    group by funnel, funnel_date, channel, segment_name, person
),

-- How many came how far: few rows from here on.
depths as (
    select funnel, funnel_date, channel, segment_name, depth, 1 as customers, 0 as touchpoints from people
    union all
    select funnel, funnel_date, channel, segment_name, {{ depth_of_touchpoint }} as depth, 0 as customers, 1 as touchpoints
    from described
),

depth_counts as (
    select
        funnel, funnel_date, channel, segment_name, depth, sum(customers) as customers, sum(touchpoints) as touchpoints
    from depths
    where depth > 0
    group by funnel, funnel_date, channel, segment_name, depth
),

step_counts as (
    select
        counts.funnel_date,
        counts.funnel,
        counts.channel,
        counts.segment_name,
        steps.step,
        steps.step_rank,
        sum(if(counts.depth >= steps.step_rank, counts.customers, 0)) as customers,
        sum(if(counts.depth >= steps.step_rank, counts.touchpoints, 0)) as touchpoints
    from depth_counts as counts
    inner join steps on counts.funnel = steps.funnel
    group by counts.funnel_date, counts.funnel, counts.channel, counts.segment_name, steps.step, steps.step_rank
),

compared as (
    select
        *,
        try_divide(
            cast(customers as double),
            cast(lag(customers) over (
                partition by funnel_date, funnel, channel, segment_name order by step_rank
            ) as double)
        ) as conversion_rate
    from step_counts
)

select
    funnel_date,
    funnel,
    channel,
    segment_name,
    step,
    step_rank,
    customers,
    touchpoints,
    conversion_rate,
    1 - conversion_rate as drop_off
from compared
