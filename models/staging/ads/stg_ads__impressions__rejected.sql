select
    _reject_reason as reject_reason,
    _raw_row as raw_row
from {{ ref('base_ads__impressions') }}
where _reject_reason is not null
