{{ config(materialized='view') }}

{%- set columns = {
    'order_id': 'key', 'customer_id': 'key', 'store_id': 'key', 'channel': 'text', 'status': 'text',
    'ordered_at': 'instant', 'paid_at': 'instant', 'discount_amount': 'number', 'shipping_amount': 'number',
    'coupon_id': 'key',
} %}

with

raw_rows as (
    {{ raw_rows(source('shop', 'shop_orders'), columns) }}
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
        {{ read_key('order_id') }} as order_id,
        {{ read_key('customer_id') }} as customer_id,
        {{ read_key('store_id') }} as store_id,
        {{ standard_spelling('channel', 'order_channel') }} as channel,
        {{ standard_spelling('status', 'order_status') }} as status,
        {{ read_instant('ordered_at') }} as ordered_at,
        {{ read_instant('paid_at') }} as paid_at,
        {{ read_number('discount_amount') }} as discount_amount,
        {{ read_number('shipping_amount') }} as shipping_amount,
        {{ read_key('coupon_id') }} as coupon_id
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
            erasable=true,
            expires='shop_orders.ordered_at'
        ) }} as _reject_reason
    from typed
    left join erased on typed.customer_id = erased.erased_customer_id
)

select
    order_id,
    customer_id,
    store_id,
    channel,
    status,
    {{ if_past('ordered_at') }} as ordered_at,
    {{ if_past('paid_at') }} as paid_at,
    discount_amount,
    shipping_amount,
    coupon_id,
    _reject_reason,
    {{ raw_row_json('shop', 'shop_orders', columns) }} as _raw_row,
    {{ row_rank('order_id', 'ordered_at desc, paid_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('order_id') }} as duplicate_rows
from checked
