-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
-- depends_on: {{ ref('gate_core') }}
with

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

tickets as (
    select
        *,
        {{ business_date('opened_at') }} as opened_on,
        {{ business_date('closed_at') }} as closed_on
    from {{ ref('stg_crm__service_tickets') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

facts as (
    select
        tickets.customer_id,
        tickets.opened_on as happened_on,
        datediff(as_of.as_of_date, tickets.opened_on) as days_ago,
        tickets.topic,
        coalesce(tickets.closed_on > as_of.as_of_date, true) as is_open,
        -- What the customer had said by then, not what staging filled in.
        case
            when not tickets.is_filled_satisfaction and coalesce(tickets.closed_on <= as_of.as_of_date, true)
                then tickets.satisfaction
        end as satisfaction
    from tickets
    inner join customers on tickets.customer_id = customers.customer_id
    inner join as_of on tickets.opened_on <= as_of.as_of_date
)

select
    customer_id
    {{- catalogued_columns('tickets') }}
from facts
group by customer_id
