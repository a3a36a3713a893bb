select
    customer_id,
    name_masked,
    phone_masked,
    keyed_hash(phone_sha256) as phone_hash,
    email_masked,
    keyed_hash(email_sha256) as email_hash,
    id_number_masked,
    gender,
    birth_date,
    province,
    city,
    membership_level,
    membership_expires_at,
    registered_at,
    updated_at,
    duplicate_rows
from {{ ref('base_crm__customers') }}
where _reject_reason is null and _row_rank = 1
