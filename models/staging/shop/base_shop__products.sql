{{ config(materialized='view') }}

{%- set columns = [
    'product_id', 'product_name', 'category', 'brand', 'list_price', 'unit_cost', 'launched_at',
] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
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
        {{ parse_timestamp('launched_at') }} as launched_at
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(required=['product_id']) }} as _reject_reason
    from typed
)

select
    product_id,
    product_name,
    category,
    brand,
    list_price,
    unit_cost,
    {{ if_planned('launched_at') }} as launched_at,
    _reject_reason,
    {{ raw_row_json('shop', 'shop_products', columns) }} as _raw_row,
    {{ row_rank('product_id', 'launched_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('product_id') }} as duplicate_rows
from checked
