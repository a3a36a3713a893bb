with

customers as (
    {{ known_customers() }}
),

products as (
    {{ known_keys('shop', 'shop_products', 'product_id') }}
),

stores as (
    {{ known_keys('shop', 'shop_stores', 'store_id') }}
),

links as (
    {{ link('stg_shop__orders', 'customer_id', 'customers') }}
    union all
    {{ link('stg_shop__orders', 'store_id', 'stores') }}
    union all
    {{ link('stg_shop__order_items', 'product_id', 'products') }}
    union all
    {{ link('stg_shop__inventory', 'store_id', 'stores') }}
    union all
    {{ link('stg_shop__inventory', 'product_id', 'products') }}
),

{{ judged_links('links') }}
