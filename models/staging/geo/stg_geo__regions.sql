select
    city,
    province,
    latitude,
    longitude,
    city_tier,
    population,
    income_index,
    duplicate_rows
from {{ ref('base_geo__regions') }}
where _reject_reason is null and _row_rank = 1
