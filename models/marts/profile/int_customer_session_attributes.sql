-- depends_on: {{ ref('gate_core') }}
with

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

sessions as (
    select * from {{ ref('fct_sessions') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

facts as (
    select
        sessions.customer_id,
        sessions.session_date as happened_on,
        datediff(as_of.as_of_date, sessions.session_date) as days_ago,
        sessions.device_type,
        sessions.carts,
        sessions.converted,
        cast((unix_timestamp(sessions.ended_at) - unix_timestamp(sessions.started_at)) / 60 as decimal(18, 4)) as minutes
    from sessions
    inner join customers on sessions.customer_id = customers.customer_id
    inner join as_of on sessions.session_date <= as_of.as_of_date
)

select
    customer_id
    {{- catalogued_columns('sessions') }}
from facts
group by customer_id
