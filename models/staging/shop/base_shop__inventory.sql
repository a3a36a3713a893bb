{{ config(materialized='view') }}

{%- set columns = [
    'store_id', 'product_id', 'stock_date', 'on_hand', 'on_order',
] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
    from {{ source('shop', 'shop_inventory') }}
),

typed as (
    select
        struct(*) as raw,
        store_id,
        product_id,
        {{ business_date(parse_timestamp('stock_date')) }} as stock_date,
        {{ parse_number('on_hand') }} as on_hand,
        {{ parse_number('on_order') }} as on_order
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(
            required=['store_id', 'product_id', 'on_hand'], readable=['on_hand', 'on_order'], instants=['stock_date']
        ) }} as _reject_reason
    from typed
)

select
    store_id,
    product_id,
    {{ if_past('stock_date') }} as stock_date,
    on_hand,
    on_order,
    _reject_reason,
    {{ raw_row_json('shop', 'shop_inventory', columns) }} as _raw_row,
    {{ row_rank('store_id, product_id, stock_date', 'on_hand') }} as _row_rank,
    {{ duplicate_rows('store_id, product_id, stock_date') }} as duplicate_rows
from checked
