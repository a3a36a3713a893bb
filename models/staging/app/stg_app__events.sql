select
    event_id,
    customer_id,
    anonymous_id,
    event_type,
    product_id,
    category,
    occurred_at,
    device_type,
    latitude,
    longitude,
    duplicate_rows
from {{ ref('base_app__events') }}
where _reject_reason is null and _row_rank = 1
