-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
{%- set takes_over = {
    'month': 'event_month',
    'day': 'event_date', 'days': var('late_event_days'), 'retention': 'app_events', 'instant': 'occurred_at'
} %}
{{ config(partition_by=[takes_over.month], meta={'takes_over': takes_over}) }}

{%- set approved = approved_version() %}
{%- set visit = 'partition by visitor, event_date order by occurred_at, event_id' %}

with

events as (
    select
        *,
        {{ business_date('occurred_at') }} as event_date,
        coalesce('device ' || anonymous_id, 'customer ' || customer_id, 'event ' || event_id) as visitor
    from {{ ref('stg_app__events') }}
),

customers as (
    select customer_id from {{ ref('dim_customers') }}
),

-- The newest days are built again, for events that arrive late.
limits as (
    {{ rebuild_limits(approved, takes_over, ref('stg_retention_limits')) }}
),

recent as (
    select events.*
    from events
    inner join limits on events.event_date >= limits.first_day
),

compared as (
    select
        *,
        lag(occurred_at) over ({{ visit }}) as previous_at,
        last_value(customer_id, true) over ({{ visit }} rows between unbounded preceding and 1 preceding)
            as previous_customer_id
    from recent
),

-- A pause ends a session, and so does another customer who logs in on the same device. It is called after its first event: a
-- key made of the device would tell whoever knows the device.
sessions as (
    select
        *,
        last_value(
            if(
                coalesce(occurred_at > previous_at + interval 30 minutes, true)
                or coalesce(customer_id <> previous_customer_id, false),
                event_id,
                null
            ),
            true
        ) over ({{ visit }} rows between unbounded preceding and current row) as session_id
    from compared
),

rebuilt as (
    select
        sessions.event_id,
        customers.customer_id,
        sessions.anonymous_id,
        sessions.session_id,
        sessions.event_type,
        sessions.product_id,
        sessions.category,
        sessions.device_type,
        sessions.occurred_at,
        sessions.event_date
    from sessions
    left join customers on sessions.customer_id = customers.customer_id
),

-- Older days of these months are taken over from the approved version as they are, as long as they may be kept.
all_days as (
    select * from rebuilt
    {% if approved -%}
    union all
    select
        event_id, customer_id, anonymous_id, session_id, event_type, product_id, category, device_type, occurred_at,
        event_date
    from {{ approved }}
    where {{ is_taken_over(takes_over) }}
    {%- endif %}
)

select /*+ rebalance(event_month) */
    event_id,
    customer_id,
    anonymous_id,
    session_id,
    event_type,
    product_id,
    category,
    device_type,
    occurred_at,
    event_date,
    {{ month_of('event_date') }} as event_month
from all_days
