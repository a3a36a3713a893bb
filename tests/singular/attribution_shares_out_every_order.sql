-- Each method of channel_attribution gives away every attributed order once, to the last cent.
with

orders as (
    select order_id, max(net_amount) as net_amount
    from {{ ref('int_attribution_touches') }}
    group by order_id
),

expected as (
    select count(*) as conversions, sum(net_amount) as revenue
    from orders
    having count(*) > 0
),

methods as (
    select explode(array('last_click', 'first_click', 'linear', 'time_decay', 'position', 'markov')) as method
),

credited as (
    select method, sum(conversions) as conversions, sum(revenue) as revenue
    from {{ ref('channel_attribution') }}
    group by method
)

select methods.method, credited.conversions, credited.revenue
from methods
cross join expected
left join credited on methods.method = credited.method
where
    coalesce(credited.conversions, 0) <> expected.conversions
    or coalesce(credited.revenue, 0) <> expected.revenue
