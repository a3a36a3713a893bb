select
    customer_id,
    purpose,
    channel,
    granted,
    recorded_at,
    duplicate_rows
from {{ ref('base_crm__consents') }}
where _reject_reason is null and _row_rank = 1
