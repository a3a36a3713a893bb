{{ config(materialized='view') }}

{%- set columns = [
    'ticket_id', 'customer_id', 'opened_at', 'closed_at', 'topic', 'satisfaction',
] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
    from {{ source('crm', 'crm_service_tickets') }}
),

erased as (
    {{ erased_customers() }}
),

typed as (
    select
        struct(*) as raw,
        ticket_id,
        customer_id,
        {{ parse_timestamp('opened_at') }} as opened_at,
        {{ parse_timestamp('closed_at') }} as closed_at,
        lower(topic) as topic,
        {{ parse_number('satisfaction', 'int') }} as satisfaction
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(
            required=['ticket_id'],
            instants=['opened_at'],
            erasable=true,
            expires='crm_service_tickets.opened_at'
        ) }} as _reject_reason
    from typed
    left join erased on typed.customer_id = erased.erased_customer_id
)

select
    ticket_id,
    customer_id,
    {{ if_past('opened_at') }} as opened_at,
    {{ if_past('closed_at') }} as closed_at,
    topic,
    {% if var('as_of_date') -%}
    -- Given when a ticket is closed.
    case when {{ is_later('closed_at') }} then null else {{ if_between('satisfaction', 1, 5) }} end as satisfaction,
    {%- else -%}
    {{ if_between('satisfaction', 1, 5) }} as satisfaction,
    {%- endif %}
    _reject_reason,
    {{ raw_row_json('crm', 'crm_service_tickets', columns) }} as _raw_row,
    {{ row_rank('ticket_id', 'closed_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('ticket_id') }} as duplicate_rows
from checked
