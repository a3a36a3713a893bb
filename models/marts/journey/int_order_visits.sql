-- depends_on: {{ ref('gate_core') }}
with

sessions as (
    select * from {{ ref('fct_sessions') }}
),

-- A visit leads to online orders only.
orders as (
    select * from {{ ref('fct_orders') }} where store_id is null and customer_id is not null
)

-- Half an hour is the pause that ends a visit. With visits on two devices at once the later one counts.
select
    orders.order_id,
    max_by(sessions.session_id, struct(sessions.started_at, sessions.session_id)) as session_id,
    orders.is_paid
from orders
inner join sessions
    on orders.customer_id = sessions.customer_id
    and orders.order_date = sessions.session_date
    and orders.ordered_at between sessions.started_at and sessions.ended_at + interval 30 minutes
group by orders.order_id, orders.is_paid
