select
    currency,
    rate_date,
    rate,
    duplicate_rows
from {{ ref('base_fx__rates') }}
where _reject_reason is null and _row_rank = 1
