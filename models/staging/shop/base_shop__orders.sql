{%- set columns = {
    'order_id': 'key', 'customer_id': 'key', 'store_id': 'key', 'channel': 'text', 'status': 'text',
    'ordered_at': 'instant', 'paid_at': 'instant', 'discount_amount': 'number', 'shipping_amount': 'number',
    'coupon_id': 'key', 'currency': 'text',
} %}
{%- set absent = absent_columns(source('shop', 'shop_orders'), ['currency']) %}

with

raw_rows as (
    {{ raw_rows(source('shop', 'shop_orders'), columns, absent) }}
),

column_forms as (
    {{ column_forms(columns) }}
),

erased as (
    {{ erased_customers() }}
),

typed as (
    select
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ given_columns(columns) }} as given,
        {{ read_key('order_id') }} as order_id,
        {{ read_key('customer_id') }} as customer_id,
        {{ read_key('store_id') }} as store_id,
        {{ standard_spelling('channel', 'order_channel') }} as channel,
        {{ standard_spelling('status', 'order_status') }} as status,
        {{ read_instant('ordered_at') }} as ordered_at,
        {{ read_instant('paid_at') }} as paid_at,
        {{ read_number('discount_amount') }} as discount_amount,
        {{ read_number('shipping_amount') }} as shipping_amount,
        {{ read_key('coupon_id') }} as coupon_id,
        upper(currency) as currency
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        {{ reject_reason(
            columns,
            required=['order_id'],
            readable=['discount_amount', 'shipping_amount'],
            instants=['ordered_at'],
            others=currency_rules(absent),
            erasable=true,
            expires='shop_orders.ordered_at'
        ) }} as _broken_rule,
        {{ column_states(columns) }} as _column_states
    from typed
    left join erased on typed.customer_id = erased.erased_customer_id
    {{ join_exchange_rates('typed.currency', business_date('typed.ordered_at')) }}
),

-- Two shops may number their orders alike. Versions of one order have its time, and its customer and store but for one of them.
told_apart as (
    select
        *,
        case
            when _broken_rule is not null then _broken_rule
            when {{ differs('ordered_at', 'order_id') }}
                and ({{ differs("coalesce(customer_id, '')", 'order_id') }} or {{ differs("coalesce(store_id, '')", 'order_id') }})
                or {{ differs('customer_id', 'order_id') }} and {{ differs('store_id', 'order_id') }}
                then 'order_id: two orders'
        end as _reject_reason
    from checked
)

select
    {{ unless_withheld('order_id') }} as order_id,
    {{ unless_withheld('customer_id') }} as customer_id,
    {{ unless_withheld('store_id') }} as store_id,
    {{ unless_withheld('channel') }} as channel,
    {{ unless_withheld('status') }} as status,
    {{ unless_withheld(if_past('ordered_at')) }} as ordered_at,
    {{ unless_withheld(if_past('paid_at')) }} as paid_at,
    {{ unless_withheld(converted('discount_amount')) }} as discount_amount,
    {{ unless_withheld(converted('shipping_amount')) }} as shipping_amount,
    {{ unless_withheld('coupon_id') }} as coupon_id,
    {{ unless_withheld('currency') }} as currency,
    {{ unless_withheld(exchange_rate()) }} as exchange_rate,
    {{ unless_withheld('discount_amount') }} as original_discount_amount,
    _reject_reason,
    {{ raw_row_json('shop', 'shop_orders', columns) }} as _raw_row,
    _column_states,
    {{ row_rank('order_id', 'ordered_at desc, paid_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('order_id') }} as duplicate_rows
from told_apart
