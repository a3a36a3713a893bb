{{ config(materialized='view') }}

{%- set columns = ['currency', 'rate_date', 'rate'] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
    from {{ raw_table_or_empty('fx', 'fx_rates') }}
),

typed as (
    select
        struct(*) as raw,
        upper(currency) as currency,
        {{ business_date(parse_timestamp('rate_date')) }} as rate_date,
        {{ parse_number('rate', 'double') }} as rate
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(
            required=['currency', 'rate'],
            readable=['rate'],
            instants=['rate_date'],
            others={'rate: not positive': 'rate <= 0'}
        ) }} as _reject_reason
    from typed
)

select
    currency,
    {{ if_past('rate_date') }} as rate_date,
    rate,
    _reject_reason,
    {{ raw_row_json('fx', 'fx_rates', columns) }} as _raw_row,
    {{ row_rank('currency, rate_date', 'rate desc') }} as _row_rank,
    {{ duplicate_rows('currency, rate_date') }} as duplicate_rows
from checked
