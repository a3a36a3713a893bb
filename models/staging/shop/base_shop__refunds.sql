{{ config(materialized='view') }}

{%- set columns = ['refund_id', 'order_id', 'order_item_id', 'amount', 'refunded_at'] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
    from {{ raw_table_or_empty('shop', 'shop_refunds') }}
),

orders as (
    select order_id as known_order_id, ordered_at as known_ordered_at, exchange_rate as order_exchange_rate
    from {{ ref('stg_shop__orders') }}
),

withheld_orders as (
    {{ withheld_orders() }}
),

typed as (
    select
        struct(*) as raw,
        refund_id,
        order_id,
        order_item_id,
        {{ parse_number('amount') }} as amount,
        {{ parse_timestamp('refunded_at') }} as refunded_at
    from raw_rows
),

checked as (
    select
        *,
        coalesce(withheld_reason, {{ reject_reason(
            required=['refund_id', 'order_id', 'amount'],
            readable=['amount'],
            instants=['refunded_at'],
            others={
                'order_id: unknown order': 'order_id is not null and known_order_id is null',
                'amount: negative': 'amount < 0',
                'refunded_at: before the order':
                    business_date('refunded_at') ~ ' < ' ~ business_date('known_ordered_at'),
            }
        ) }}) as _reject_reason
    from typed
    left join orders on typed.order_id = orders.known_order_id
    left join withheld_orders on typed.order_id = withheld_orders.withheld_order_id
)

select
    refund_id,
    order_id,
    order_item_id,
    {{ converted('amount', at='order_exchange_rate') }} as amount,
    amount as original_amount,
    {{ if_past('refunded_at') }} as refunded_at,
    _reject_reason,
    {{ raw_row_json('shop', 'shop_refunds', columns) }} as _raw_row,
    {{ row_rank('refund_id', 'refunded_at desc') }} as _row_rank,
    {{ duplicate_rows('refund_id') }} as duplicate_rows
from checked
