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
    select order_id as known_order_id, exchange_rate as order_exchange_rate
    from {{ ref('stg_shop__orders') }}
),

withheld_orders as (
    {{ withheld_orders() }}
),

typed as (
    select
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ given_columns(columns) }} as given,
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
        ) }}) as _broken_rule,
        {{ column_states(columns) }} as _column_states
    from typed
    left join orders on typed.order_id = orders.known_order_id
    left join withheld_orders on typed.order_id = withheld_orders.withheld_order_id
),

-- Numbered anew in each order, lines would replace each other.
told_apart as (
    select
        *,
        case
            when _broken_rule is not null then _broken_rule
            when {{ differs('order_id', 'order_item_id') }} then 'order_item_id: two lines'
        end as _reject_reason
    from checked
)

select
    {{ unless_withheld('order_item_id') }} as order_item_id,
    {{ unless_withheld('order_id') }} as order_id,
    {{ unless_withheld('product_id') }} as product_id,
    {{ unless_withheld('quantity') }} as quantity,
    {{ unless_withheld(converted('unit_price', at='order_exchange_rate')) }} as unit_price,
    {{ unless_withheld('unit_price') }} as original_unit_price,
    {{ unless_withheld('description') }} as description,
    _reject_reason,
    {{ raw_row_json('shop', 'shop_order_items', columns) }} as _raw_row,
    _column_states,
    {{ row_rank('order_item_id', 'order_id') }} as _row_rank,
    {{ duplicate_rows('order_item_id') }} as duplicate_rows
from told_apart
