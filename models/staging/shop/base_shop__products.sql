{%- set columns = {
    'product_id': 'key', 'product_name': 'name', 'category': 'text', 'brand': 'name', 'list_price': 'number',
    'unit_cost': 'number', 'launched_at': 'instant', 'currency': 'text',
} %}
{%- set absent = absent_columns(source('shop', 'shop_products'), ['currency']) %}

with

raw_rows as (
    {{ raw_rows(source('shop', 'shop_products'), columns, absent) }}
),

column_forms as (
    {{ column_forms(columns) }}
),

typed as (
    select
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ given_columns(columns) }} as given,
        {{ read_key('product_id') }} as product_id,
        product_name,
        lower(category) as category,
        lower(brand) as brand,
        {{ read_number('list_price') }} as list_price,
        {{ read_number('unit_cost') }} as unit_cost,
        {{ read_instant('launched_at') }} as launched_at,
        upper(currency) as currency
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        {{ reject_reason(columns, required=['product_id'], others=currency_rules(absent)) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
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
    _column_states,
    {{ row_rank('product_id', 'launched_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('product_id') }} as duplicate_rows
from checked
