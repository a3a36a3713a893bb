with customers as (
    select * from {{ ref('ml_customer_segments') }}
),

segments as (
    select * from {{ ref('ml_segment_centroids') }}
)

select
    cast(customers.customer_id as string) as customer_id,
    cast(customers.segment_id as bigint) as segment_id,
    cast(segments.segment_name as string) as segment_name,
    cast(segments.segment_name_zh as string) as segment_name_zh,
    cast(segments.strategy as string) as strategy,
    cast(customers.distance as double) as distance,
    cast(customers.as_of_date as date) as as_of_date
from customers
left join segments on customers.segment_id = segments.segment_id
