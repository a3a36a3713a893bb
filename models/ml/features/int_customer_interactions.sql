-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_customer') }}
with

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- 2 for a purchase, 1 for anything less.
facts as (
    select customer_id, product_id, event_date as day, 1 as strength
    from {{ ref('fct_events') }}
    where product_id is not null and event_type <> 'remove_from_cart'
    union all
    select orders.customer_id, items.product_id, orders.order_date as day, 2 as strength
    from {{ ref('fct_order_items') }} as items
    inner join {{ ref('fct_orders') }} as orders on items.order_id = orders.order_id
    where not orders.is_cancelled and items.quantity > 0
),

known_facts as (
    select facts.customer_id, facts.product_id, facts.day, facts.strength
    from facts
    inner join customers on facts.customer_id = customers.customer_id
    inner join as_of on facts.day <= as_of.as_of_date
),

-- Recommenders are judged on it, by what was known before.
last_days as (
    select customer_id, max(day) as purchased_on from known_facts where strength = 2 group by customer_id
)

select
    known_facts.customer_id,
    known_facts.product_id,
    max(known_facts.strength) as strength,
    max(known_facts.day) as last_date,
    count(*) as occurrences,
    max(known_facts.strength) filter (where known_facts.day < last_days.purchased_on or last_days.purchased_on is null) as earlier_strength,
    max(known_facts.day) filter (where known_facts.day < last_days.purchased_on or last_days.purchased_on is null) as earlier_date,
    coalesce(min(known_facts.day) filter (where known_facts.strength = 2) = max(last_days.purchased_on), false) as is_new_purchase
from known_facts
left join last_days on known_facts.customer_id = last_days.customer_id
group by known_facts.customer_id, known_facts.product_id
