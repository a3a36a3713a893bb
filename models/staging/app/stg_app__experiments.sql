select
    experiment_id,
    customer_id,
    variant,
    assigned_at,
    duplicate_rows
from {{ ref('base_app__experiments') }}
where _reject_reason is null and _row_rank = 1
