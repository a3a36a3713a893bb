{{ config(materialized='view') }}

{%- set columns = {
    'order_item_id': 'key', 'order_id': 'key', 'product_id': 'key', 'quantity': 'number', 'unit_price': 'number',
    'description': 'name',
} %}

with

raw_rows as (
    {{ raw_rows(source('shop', 'shop_order_items'), columns, absent=absent_columns(source('shop', 'shop_order_items'), ['description'])) }}
),

column_forms as (
    {{ column_forms(columns) }}
),

orders as (
    select order_id as known_order_id
    from {{ ref('stg_shop__orders') }}
),

-- Lines of a withheld order go with it: they have neither a customer nor a date of their own.
withheld_orders as (
    select order_id as withheld_order_id, min(_reject_reason) as withheld_reason
    from {{ ref('base_shop__orders') }}
    where {{ is_withheld() }}
    group by order_id
),

typed as (
    select
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ read_key('order_item_id') }} as order_item_id,
        {{ read_key('order_id') }} as order_id,
        {{ read_key('product_id') }} as product_id,
        {{ read_number('quantity') }} as quantity,
        {{ read_number('unit_price') }} as unit_price,
        description
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        coalesce(withheld_reason, {{ reject_reason(
            columns,
            required=['order_item_id', 'order_id', 'product_id', 'quantity', 'unit_price'],
            readable=['quantity', 'unit_price'],
            others={'order_id: unknown order': 'order_id is not null and known_order_id is null'}
        ) }}) as _reject_reason
    from typed
    left join orders on typed.order_id = orders.known_order_id
    left join withheld_orders on typed.order_id = withheld_orders.withheld_order_id
)

select
    order_item_id,
    order_id,
    product_id,
    quantity,
    unit_price,
    description,
    _reject_reason,
    {{ raw_row_json('shop', 'shop_order_items', columns) }} as _raw_row,
    {{ row_rank('order_item_id', 'order_id') }} as _row_rank,
    {{ duplicate_rows('order_item_id') }} as duplicate_rows
from checked
