-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_segments') }}

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
        array(
            sessions.views > 0,
            sessions.carts > 0,
            order_visits.session_id is not null,
            coalesce(order_visits.is_paid, false)
        ) as reached
    from sessions
    left join order_visits on sessions.session_id = order_visits.session_id
    union all
    select
        'advertising' as funnel,
        shown_date as funnel_date,
        coalesce(channel, 'unknown') as channel,
        customer_id,
        coalesce(customer_id, impression_id) as person,
        array(true, is_clicked, is_converted, false) as reached
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
    select
        funnel, funnel_date, channel, segment_name, person,
        array(max(reached[0]), max(reached[1]), max(reached[2]), max(reached[3])) as reached
    from described
    group by funnel, funnel_date, channel, segment_name, person
),

counted as (
    select funnel, funnel_date, channel, segment_name, reached, 1 as customers, 0 as touchpoints from people
    union all
    select funnel, funnel_date, channel, segment_name, reached, 0 as customers, 1 as touchpoints from described
),

-- How many reached which steps: few rows from here on. The depth is the number of steps taken without a gap.
reach_counts as (
    select
        funnel, funnel_date, channel, segment_name, reached,
        coalesce(nullif(array_position(reached, false), 0) - 1, size(reached)) as depth,
        sum(customers) as customers,
        sum(touchpoints) as touchpoints
    from counted
    where array_contains(reached, true)
    group by funnel, funnel_date, channel, segment_name, reached
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
        sum(if(counts.depth >= steps.step_rank, counts.touchpoints, 0)) as touchpoints,
        sum(if(counts.reached[steps.step_rank - 1], counts.customers, 0)) as customers_in_any_order,
        sum(if(counts.reached[steps.step_rank - 1], counts.touchpoints, 0)) as touchpoints_in_any_order
    from reach_counts as counts
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
        ) as conversion_rate,
        touchpoints_in_any_order > min(touchpoints_in_any_order) over (
            partition by funnel_date, funnel, channel, segment_name order by step_rank
            rows between unbounded preceding and 1 preceding
        ) as exceeds_earlier_step
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
    customers_in_any_order,
    touchpoints_in_any_order,
    coalesce(exceeds_earlier_step, false) as exceeds_earlier_step,
    conversion_rate,
    1 - conversion_rate as drop_off
from compared
