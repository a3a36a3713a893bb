select
    request_id,
    customer_id,
    requested_at,
    duplicate_rows
from {{ ref('base_crm__erasure_requests') }}
where _reject_reason is null and _row_rank = 1
