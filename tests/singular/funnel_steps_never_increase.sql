-- Fails for each step of a funnel that more customers, visits or impressions reach than the step before.
with

steps as (
    select
        *,
        lag(customers) over one_funnel as customers_before,
        lag(touchpoints) over one_funnel as touchpoints_before
    from {{ ref('conversion_funnel') }}
    window one_funnel as (partition by funnel_date, funnel, channel, segment_name order by step_rank)
)

select funnel_date, funnel, channel, segment_name, step
from steps
where customers > customers_before or touchpoints > touchpoints_before
