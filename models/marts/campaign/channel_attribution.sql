with

by_rule as (
    select * from {{ ref('int_attribution_by_rule') }}
),

effects as (
    select channel, share from {{ ref('ml_channel_removal_effects') }}
),

-- The orders and the money are the same in each method; this one has them without fractions.
totals as (
    select sum(conversions) as conversions, sum(revenue) as revenue
    from by_rule
    where method = 'last_click'
),

shares as (
    select
        channel,
        sum(share) over (order by channel rows between unbounded preceding and current row) as share_so_far,
        lead(channel) over (order by channel) is null as is_last
    from effects
),

so_far as (
    select
        shares.channel,
        {{ part_so_far('totals.conversions', 'shares.share_so_far', 'shares.is_last') }} as conversions_so_far,
        {{ part_so_far('totals.revenue', 'shares.share_so_far', 'shares.is_last') }} as revenue_so_far
    from shares
    cross join totals
),

markov as (
    select
        'markov' as method,
        channel,
        conversions_so_far - coalesce(lag(conversions_so_far) over (order by channel), 0) as conversions,
        revenue_so_far - coalesce(lag(revenue_so_far) over (order by channel), 0) as revenue
    from so_far
)

select
    method,
    channel,
    conversions,
    revenue
from by_rule
union all
select
    method,
    channel,
    cast(conversions as decimal(18, 4)) as conversions,
    cast(revenue as decimal(18, 4)) as revenue
from markov
