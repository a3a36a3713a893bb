-- depends_on: {{ ref('gate_core') }}
with

products as (
    select * from {{ ref('dim_products') }}
),

-- Equal prices are in one band, so thirds may differ in size.
placed as (
    select
        product_id,
        category,
        brand,
        case
            when list_price is not null and category is not null
                then percent_rank() over (partition by category, list_price is null order by list_price)
        end as price_rank
    from products
)

select
    product_id,
    category,
    brand,
    case
        when price_rank < 1 / 3D then 'budget'
        when price_rank < 2 / 3D then 'mid'
        when price_rank >= 2 / 3D then 'premium'
    end as price_band
from placed
