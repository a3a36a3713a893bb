-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
with

products as (
    select * from {{ ref('stg_shop__products') }}
),

order_items as (
    select product_id from {{ ref('stg_shop__order_items') }}
),

events as (
    select product_id from {{ ref('stg_app__events') }}
),

-- A product that was sold or looked at exists, even if the product list lacks it.
keys as (
    select product_id from products
    union
    select product_id from order_items
    union
    select product_id from events where product_id is not null
)

select
    keys.product_id,
    products.product_name,
    products.category,
    products.brand,
    products.list_price,
    coalesce(products.is_filled_list_price, false) as is_filled_list_price,
    products.unit_cost,
    products.launched_at
from keys
left join products on keys.product_id = products.product_id
