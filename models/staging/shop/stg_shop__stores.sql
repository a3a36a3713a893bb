select
    store_id,
    store_name,
    city,
    latitude,
    longitude,
    duplicate_rows
from {{ ref('base_shop__stores') }}
where _reject_reason is null and _row_rank = 1
