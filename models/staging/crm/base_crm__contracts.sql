{{ config(materialized='view') }}

{%- set columns = [
    'contract_id', 'customer_id', 'product', 'started_at', 'due_at', 'settled_at', 'amount',
] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
    from {{ raw_table_or_empty('crm', 'crm_contracts') }}
),

erased as (
    {{ erased_customers() }}
),

typed as (
    select
        struct(*) as raw,
        contract_id,
        customer_id,
        lower(product) as product,
        {{ parse_timestamp('started_at') }} as started_at,
        {{ if_planned(parse_timestamp('due_at')) }} as due_at,
        {{ parse_timestamp('settled_at') }} as settled_at,
        {{ parse_number('amount') }} as amount
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(
            required=['contract_id', 'due_at', 'amount'],
            readable=['due_at', 'settled_at', 'amount'],
            instants=['started_at'],
            others={
                'due_at: before started_at': 'due_at < started_at',
                'settled_at: before started_at': 'settled_at < started_at',
                'amount: negative': 'amount < 0',
            },
            erasable=true
        ) }} as _reject_reason
    from typed
    left join erased on typed.customer_id = erased.erased_customer_id
)

select
    contract_id,
    customer_id,
    product,
    {{ if_past('started_at') }} as started_at,
    due_at,
    {{ if_past('settled_at') }} as settled_at,
    amount,
    _reject_reason,
    {{ raw_row_json('crm', 'crm_contracts', columns) }} as _raw_row,
    {{ row_rank('contract_id', 'settled_at desc nulls last, started_at desc') }} as _row_rank,
    {{ duplicate_rows('contract_id') }} as duplicate_rows
from checked
