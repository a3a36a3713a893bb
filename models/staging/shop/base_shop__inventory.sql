{%- set columns = {
    'store_id': 'key', 'product_id': 'key', 'stock_date': 'day', 'on_hand': 'number', 'on_order': 'number',
} %}

with

raw_rows as (
    {{ raw_rows(source('shop', 'shop_inventory'), columns) }}
),

column_forms as (
    {{ column_forms(columns) }}
),

typed as (
    select
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ given_columns(columns) }} as given,
        {{ read_key('store_id') }} as store_id,
        {{ read_key('product_id') }} as product_id,
        {{ read_day('stock_date') }} as stock_date,
        {{ read_number('on_hand') }} as on_hand,
        {{ read_number('on_order') }} as on_order
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        {{ reject_reason(
            columns,
            required=['store_id', 'product_id', 'on_hand'], readable=['on_hand', 'on_order'], instants=['stock_date']
        ) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
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
    _column_states,
    {{ row_rank('store_id, product_id, stock_date', 'on_hand') }} as _row_rank,
    {{ duplicate_rows('store_id, product_id, stock_date') }} as duplicate_rows
from checked
