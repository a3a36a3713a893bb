select
    ticket_id,
    customer_id,
    opened_at,
    closed_at,
    topic,
    satisfaction,
    duplicate_rows
from {{ ref('base_crm__service_tickets') }}
where _reject_reason is null and _row_rank = 1
