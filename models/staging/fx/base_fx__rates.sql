{%- set columns = {'currency': 'text', 'rate_date': 'day', 'rate': 'number'} %}

with

raw_rows as (
    {{ raw_rows(raw_table_or_empty('fx', 'fx_rates'), columns) }}
),

column_forms as (
    {{ column_forms(columns) }}
),

typed as (
    select
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ given_columns(columns) }} as given,
        upper(currency) as currency,
        {{ read_day('rate_date') }} as rate_date,
        {{ read_number('rate', 'double') }} as rate
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        {{ reject_reason(
            columns,
            required=['currency', 'rate'],
            readable=['rate'],
            instants=['rate_date'],
            others={'rate: not positive': 'rate <= 0'}
        ) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
    from typed
)

select
    currency,
    {{ if_past('rate_date') }} as rate_date,
    rate,
    _reject_reason,
    {{ raw_row_json('fx', 'fx_rates', columns) }} as _raw_row,
    _column_states,
    {{ row_rank('currency, rate_date', 'rate desc') }} as _row_rank,
    {{ duplicate_rows('currency, rate_date') }} as duplicate_rows
from checked
