with

tickets as (
    select *
    from {{ ref('base_crm__service_tickets') }}
    where _reject_reason is null and _row_rank = 1
),

means as (
    select avg(satisfaction) as satisfaction
    from tickets
)

select
    tickets.ticket_id,
    tickets.customer_id,
    tickets.opened_at,
    tickets.closed_at,
    tickets.topic,
    cast(coalesce(tickets.satisfaction, means.satisfaction) as decimal(18, 4)) as satisfaction,
    {{ is_filled('tickets.satisfaction', 'means.satisfaction') }} as is_filled_satisfaction,
    tickets.duplicate_rows
from tickets
cross join means
