with

customers as (
    {{ known_customers() }}
),

products as (
    {{ known_keys('shop', 'shop_products', 'product_id') }}
),

links as (
    {{ link('stg_app__events', 'customer_id', 'customers') }}
    union all
    {{ link('stg_app__events', 'product_id', 'products') }}
    union all
    {{ link('stg_app__experiments', 'customer_id', 'customers') }}
),

{{ judged_links('links') }}
