{{ config(materialized='view') }}

{%- set columns = [
    'product_id', 'product_name', 'category', 'brand', 'list_price', 'unit_cost', 'launched_at', 'currency',
] %}
{%- set absent = absent_columns(source('shop', 'shop_products'), ['currency']) %}

with

raw_rows as (
    select
        {{ text_columns(columns, absent) }}
    from {{ source('shop', 'shop_products') }}
),

typed as (
    select
        struct(*) as raw,
        product_id,
        product_name,
        lower(category) as category,
        lower(brand) as brand,
        {{ parse_number('list_price') }} as list_price,
        {{ parse_number('unit_cost') }} as unit_cost,
        {{ parse_timestamp('launched_at') }} as launched_at,
        upper(currency) as currency
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(required=['product_id'], others=currency_rules(absent)) }} as _reject_reason
    from typed
    -- A list of prices has no day: the newest rate holds.
    {{ join_exchange_rates('typed.currency', 'null') }}
)

select
    product_id,
    product_name,
    category,
    brand,
    {{ converted('list_price') }} as list_price,
    {{ converted('unit_cost') }} as unit_cost,
    {{ if_planned('launched_at') }} as launched_at,
    currency,
    _reject_reason,
    {{ raw_row_json('shop', 'shop_products', columns) }} as _raw_row,
    {{ row_rank('product_id', 'launched_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('product_id') }} as duplicate_rows
from checked
