with selection as (
    select * from {{ ref('ml_segment_selection') }}
)

select
    cast(k as bigint) as k,
    cast(wcss as double) as wcss,
    cast(silhouette as double) as silhouette,
    cast(is_elbow as boolean) as is_elbow,
    cast(chosen as boolean) as chosen
from selection
