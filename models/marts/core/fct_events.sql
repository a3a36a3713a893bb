{{ config(
    materialized='incremental',
    incremental_strategy='insert_overwrite',
    partition_by=['event_date'],
    on_schema_change='fail',
) }}

with

events as (
    select
        *,
        {{ business_date('occurred_at') }} as event_date,
        coalesce('customer ' || customer_id, 'anonymous ' || anonymous_id, 'event ' || event_id) as visitor
    from {{ ref('stg_app__events') }}
),

customers as (
    select customer_id from {{ ref('dim_customers') }}
),

-- The newest days are built again, for events that arrive late; older days stay as they are.
recent as (
    select * from events
    {% if is_incremental() -%}
    where event_date >= (
        select coalesce(date_sub(max(event_date), {{ var('late_event_days', 3) }}), date '1900-01-01') from {{ this }}
    )
    {%- endif %}
),

gaps as (
    select
        *,
        coalesce(
            occurred_at > lag(occurred_at) over (partition by visitor, event_date order by occurred_at, event_id)
            + interval 30 minutes,
            true
        ) as starts_session
    from recent
),

sessions as (
    select
        *,
        sum(if(starts_session, 1, 0)) over (
            partition by visitor, event_date order by occurred_at, event_id
            rows between unbounded preceding and current row
        ) as session_number
    from gaps
)

select /*+ rebalance(event_date) */
    sessions.event_id,
    customers.customer_id,
    sessions.anonymous_id,
    md5(concat_ws('|', sessions.visitor, sessions.event_date, sessions.session_number)) as session_id,
    sessions.event_type,
    sessions.product_id,
    sessions.category,
    sessions.device_type,
    sessions.occurred_at,
    sessions.event_date
from sessions
left join customers on sessions.customer_id = customers.customer_id
