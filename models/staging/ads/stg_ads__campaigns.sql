select
    campaign_id,
    campaign_name,
    channel,
    objective,
    budget,
    starts_at,
    ends_at,
    currency,
    duplicate_rows
from {{ ref('base_ads__campaigns') }}
where _reject_reason is null and _row_rank = 1
