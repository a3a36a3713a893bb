with customers as (
    select * from {{ ref('ml_customer_segments') }}
),

segments as (
    select * from {{ ref('ml_segment_centroids') }}
),

customer_values as (
    select
        customer_id,
        clv_12m,
        probability_alive
    from {{ ref('ml_customer_values') }}
),

-- Decimals: a sum of doubles may change in its last digit from build to build.
sizes as (
    select
        customers.segment_id,
        max(customers.as_of_date) as as_of_date,
        count(*) as customers,
        sum(cast(customers.monetary as decimal(20, 4))) as monetary,
        sum(cast(customers.clv as decimal(20, 4))) as clv,
        avg(cast(customer_values.clv_12m as decimal(20, 6))) as clv_12m,
        avg(cast(customer_values.probability_alive as decimal(20, 12))) as probability_alive
    from customers
    left join customer_values on customers.customer_id = customer_values.customer_id
    group by customers.segment_id
),

totals as (
    select
        sum(customers) as customers,
        sum(monetary) as monetary
    from sizes
)

select
    cast(segments.segment_id as bigint) as segment_id,
    cast(segments.segment_name as string) as segment_name,
    cast(segments.segment_name_zh as string) as segment_name_zh,
    cast(segments.strategy as string) as strategy,
    cast(sizes.customers as bigint) as customers,
    cast(sizes.customers as double) / totals.customers as customer_share,
    cast(sizes.monetary as double) as monetary,
    cast(sizes.monetary as double) / cast(nullif(totals.monetary, 0) as double) as monetary_share,
    cast(sizes.clv as double) / sizes.customers as average_clv,
    cast(sizes.clv_12m as double) as average_clv_12m,
    cast(sizes.probability_alive as double) as average_probability_alive,
    cast(segments.recency_days as double) as centroid_recency_days,
    cast(segments.frequency as double) as centroid_frequency,
    cast(segments.monetary as double) as centroid_monetary,
    cast(segments.clv as double) as centroid_clv,
    cast(sizes.as_of_date as date) as as_of_date
from segments
inner join sizes on segments.segment_id = sizes.segment_id
cross join totals
