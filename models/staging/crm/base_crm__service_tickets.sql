{%- set columns = {
    'ticket_id': 'key', 'customer_id': 'key', 'opened_at': 'instant', 'closed_at': 'instant', 'topic': 'text',
    'satisfaction': 'whole',
} %}

with

raw_rows as (
    {{ raw_rows(source('crm', 'crm_service_tickets'), columns) }}
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
        {{ read_key('ticket_id') }} as ticket_id,
        {{ read_key('customer_id') }} as customer_id,
        {{ read_instant('opened_at') }} as opened_at,
        {{ read_instant('closed_at') }} as closed_at,
        lower(topic) as topic,
        {{ read_whole('satisfaction', 'int') }} as satisfaction
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        {{ reject_reason(
            columns,
            required=['ticket_id'],
            instants=['opened_at'],
            erasable=true,
            expires='crm_service_tickets.opened_at'
        ) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
    from typed
    left join erased on typed.customer_id = erased.erased_customer_id
)

select
    {{ unless_withheld('ticket_id') }} as ticket_id,
    {{ unless_withheld('customer_id') }} as customer_id,
    {{ unless_withheld(if_past('opened_at')) }} as opened_at,
    {{ unless_withheld(if_past('closed_at')) }} as closed_at,
    {{ unless_withheld('topic') }} as topic,
    {% if var('as_of_date') -%}
    -- Given when a ticket is closed.
    {{ unless_withheld('case when not coalesce(' ~ is_later('closed_at') ~ ', false) then ' ~ if_between('satisfaction', 1, 5) ~ ' end') }} as satisfaction,
    {%- else -%}
    {{ unless_withheld(if_between('satisfaction', 1, 5)) }} as satisfaction,
    {%- endif %}
    _reject_reason,
    {{ raw_row_json('crm', 'crm_service_tickets', columns) }} as _raw_row,
    _column_states,
    {{ row_rank('ticket_id', 'closed_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('ticket_id') }} as duplicate_rows
from checked
