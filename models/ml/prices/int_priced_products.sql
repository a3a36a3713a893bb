-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_core') }}
with

products as (
    select product_id, category from {{ ref('dim_products') }}
),

-- A cost that was estimated is none to base a price on.
costs as (
    select product_id, cast(unit_cost as double) as unit_cost
    from {{ ref('stg_shop__products') }}
    where not is_filled_unit_cost
)

select
    products.product_id,
    products.category,
    costs.unit_cost
from products
left join costs on products.product_id = costs.product_id
