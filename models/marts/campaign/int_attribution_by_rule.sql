with

touches as (
    select * from {{ ref('int_attribution_touches') }}
),

methods as (
    select explode(array('last_click', 'first_click', 'linear', 'time_decay', 'position')) as method
),

-- What a touch weighs in each method; the weights of an order need not add up to 1 here.
weights as (
    select
        touches.*,
        methods.method,
        touches.touch_number = touches.touches as is_last,
        case
            when methods.method = 'last_click' then if(touches.touch_number = touches.touches, 1D, 0D)
            when methods.method = 'first_click' then if(touches.touch_number = 1, 1D, 0D)
            when methods.method = 'time_decay'
                then pow(2D, -touches.age_days / {{ var('attribution_half_life_days') }})
            when methods.method = 'linear' or touches.touches <= 2 then 1D
            when touches.touch_number in (1, touches.touches) then 0.4D
            else 0.2D / (touches.touches - 2)
        end as weight
    from touches
    cross join methods
),

shares as (
    select
        *,
        sum(weight) over (
            partition by order_id, method order by touch_number rows between unbounded preceding and current row
        ) / sum(weight) over (partition by order_id, method) as share_so_far
    from weights
),

so_far as (
    select
        *,
        {{ part_so_far('cast(1 as decimal(18, 4))', 'share_so_far', 'is_last') }} as conversions_so_far,
        {{ part_so_far('net_amount', 'share_so_far', 'is_last') }} as revenue_so_far
    from shares
),

credits as (
    select
        method,
        channel,
        conversions_so_far
        - coalesce(lag(conversions_so_far) over (partition by order_id, method order by touch_number), 0) as conversions,
        revenue_so_far
        - coalesce(lag(revenue_so_far) over (partition by order_id, method order by touch_number), 0) as revenue
    from so_far
)

select
    method,
    channel,
    cast(sum(conversions) as decimal(18, 4)) as conversions,
    cast(sum(revenue) as decimal(18, 4)) as revenue
from credits
group by method, channel
