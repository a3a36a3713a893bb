{%- set columns = {
    'contract_id': 'key', 'customer_id': 'key', 'product': 'text', 'started_at': 'instant', 'due_at': 'instant',
    'settled_at': 'instant', 'amount': 'number',
} %}

with

raw_rows as (
    {{ raw_rows(raw_table_or_empty('crm', 'crm_contracts'), columns) }}
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
        {{ read_key('contract_id') }} as contract_id,
        {{ read_key('customer_id') }} as customer_id,
        lower(product) as product,
        {{ read_instant('started_at') }} as started_at,
        {{ read_instant('due_at') }} as due_at,
        {{ read_instant('settled_at') }} as settled_at,
        {{ read_number('amount') }} as amount
    from raw_rows
    cross join column_forms
),

planned as (
    select
        * except (due_at),
        {{ if_planned('due_at') }} as due_at
    from typed
),

checked as (
    select
        *,
        {{ reject_reason(
            columns,
            required=['contract_id', 'due_at', 'amount'],
            readable=['due_at', 'settled_at', 'amount'],
            instants=['started_at'],
            others={
                'due_at: before started_at': 'due_at < started_at',
                'settled_at: before started_at': 'settled_at < started_at',
                'amount: negative': 'amount < 0',
            },
            erasable=true
        ) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
    from planned
    left join erased on planned.customer_id = erased.erased_customer_id
)

select
    {{ unless_withheld('contract_id') }} as contract_id,
    {{ unless_withheld('customer_id') }} as customer_id,
    {{ unless_withheld('product') }} as product,
    {{ unless_withheld(if_past('started_at')) }} as started_at,
    {{ unless_withheld('due_at') }} as due_at,
    {{ unless_withheld(if_past('settled_at')) }} as settled_at,
    {{ unless_withheld('amount') }} as amount,
    _reject_reason,
    {{ raw_row_json('crm', 'crm_contracts', columns) }} as _raw_row,
    _column_states,
    {{ row_rank('contract_id', 'settled_at desc nulls last, started_at desc') }} as _row_rank,
    {{ duplicate_rows('contract_id') }} as duplicate_rows
from checked
