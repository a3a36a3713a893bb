{{ config(materialized='view') }}

{%- set columns = [
    'order_id', 'customer_id', 'store_id', 'channel', 'status', 'ordered_at', 'paid_at', 'discount_amount',
    'shipping_amount', 'coupon_id', 'currency',
] %}
{%- set absent = absent_columns(source('shop', 'shop_orders'), ['currency']) %}

with

raw_rows as (
    select
        {{ text_columns(columns, absent) }}
    from {{ source('shop', 'shop_orders') }}
),

erased as (
    {{ erased_customers() }}
),

typed as (
    select
        struct(*) as raw,
        order_id,
        customer_id,
        store_id,
        {{ standard_spelling('channel', 'order_channel') }} as channel,
        {{ standard_spelling('status', 'order_status') }} as status,
        {{ parse_timestamp('ordered_at') }} as ordered_at,
        {{ parse_timestamp('paid_at') }} as paid_at,
        {{ parse_number('discount_amount') }} as discount_amount,
        {{ parse_number('shipping_amount') }} as shipping_amount,
        coupon_id,
        upper(currency) as currency
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(
            required=['order_id'],
            readable=['discount_amount', 'shipping_amount'],
            instants=['ordered_at'],
            others=currency_rules(absent),
            erasable=true,
            expires='shop_orders.ordered_at'
        ) }} as _broken_rule
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
    order_id,
    customer_id,
    store_id,
    channel,
    status,
    {{ if_past('ordered_at') }} as ordered_at,
    {{ if_past('paid_at') }} as paid_at,
    {{ converted('discount_amount') }} as discount_amount,
    {{ converted('shipping_amount') }} as shipping_amount,
    coupon_id,
    currency,
    {{ exchange_rate() }} as exchange_rate,
    discount_amount as original_discount_amount,
    _reject_reason,
    {{ raw_row_json('shop', 'shop_orders', columns) }} as _raw_row,
    {{ row_rank('order_id', 'ordered_at desc, paid_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('order_id') }} as duplicate_rows
from told_apart
