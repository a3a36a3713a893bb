with validation as (
    select * from {{ ref('ml_segment_validation') }}
)

select
    cast(metric as string) as metric,
    cast(segments as bigint) as segments,
    cast(customers as bigint) as customers,
    cast(f_value as double) as f_value,
    cast(p_value as double) as p_value,
    cast(eta_squared as double) as eta_squared,
    cast(significant as boolean) as significant
from validation
