with

similarities as (
    select * from {{ ref('ml_product_similarities') }}
)

select
    product_id,
    neighbour_id,
    similarity,
    rank
from similarities
