with

recommendations as (
    select * from {{ ref('ml_product_recommendations') }}
)

select
    customer_id,
    rank,
    product_id,
    score,
    method
from recommendations
