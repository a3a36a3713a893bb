with

requests as (
    select * from {{ ref('stg_crm__erasure_requests') }}
)

select
    requests.request_id,
    requests.customer_id_hash as customer_hash,
    requests.requested_at
from requests
{% if is_incremental() -%}
-- Kept for good: the audit outlives the request and the raw data.
left anti join {{ this }} as known on requests.request_id = known.request_id
{%- endif %}
