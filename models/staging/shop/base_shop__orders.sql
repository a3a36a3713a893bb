{{ config(materialized='view') }}

{%- set columns = [
    'order_id', 'customer_id', 'store_id', 'channel', 'status', 'ordered_at', 'paid_at', 'discount_amount',
    'shipping_amount', 'coupon_id',
] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
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
        coupon_id
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(
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
