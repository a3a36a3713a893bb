-- Whom a request is about is in the raw table alone: a customer to forget is not written down once more.
select
    request_id,
    keyed_hash(customer_id) as customer_id_hash,
    requested_at,
    duplicate_rows
from {{ ref('base_crm__erasure_requests') }}
where _reject_reason is null and _row_rank = 1
