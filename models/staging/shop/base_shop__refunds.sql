{%- set columns = {
    'refund_id': 'key', 'order_id': 'key', 'order_item_id': 'key', 'amount': 'number', 'refunded_at': 'instant',
} %}

with

raw_rows as (
    {{ raw_rows(raw_table_or_empty('shop', 'shop_refunds'), columns) }}
),

column_forms as (
    {{ column_forms(columns) }}
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
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ given_columns(columns) }} as given,
        {{ read_key('refund_id') }} as refund_id,
        {{ read_key('order_id') }} as order_id,
        {{ read_key('order_item_id') }} as order_item_id,
        {{ read_number('amount') }} as amount,
        {{ read_instant('refunded_at') }} as refunded_at
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        coalesce(withheld_reason, {{ reject_reason(
            columns,
            required=['refund_id', 'order_id', 'amount'],
            readable=['amount'],
            instants=['refunded_at'],
            others={
                'order_id: unknown order': 'order_id is not null and known_order_id is null',
                'amount: negative': 'amount < 0',
                'refunded_at: before the order':
                    business_date('refunded_at') ~ ' < ' ~ business_date('known_ordered_at'),
            }
        ) }}) as _reject_reason,
        {{ column_states(columns) }} as _column_states
    from typed
    left join orders on typed.order_id = orders.known_order_id
    left join withheld_orders on typed.order_id = withheld_orders.withheld_order_id
)

select
    {{ unless_withheld('refund_id') }} as refund_id,
    {{ unless_withheld('order_id') }} as order_id,
    {{ unless_withheld('order_item_id') }} as order_item_id,
    {{ unless_withheld(converted('amount', at='order_exchange_rate')) }} as amount,
    {{ unless_withheld('amount') }} as original_amount,
    {{ unless_withheld(if_past('refunded_at')) }} as refunded_at,
    _reject_reason,
    {{ raw_row_json('shop', 'shop_refunds', columns) }} as _raw_row,
    _column_states,
    {{ row_rank('refund_id', 'refunded_at desc') }} as _row_rank,
    {{ duplicate_rows('refund_id') }} as duplicate_rows
from checked
