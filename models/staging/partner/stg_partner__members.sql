select
    partner,
    member_id,
    keyed_hash(phone_sha256) as phone_hash,
    tier,
    points,
    updated_at,
    duplicate_rows
from {{ ref('base_partner__members') }}
where _reject_reason is null and _row_rank = 1
