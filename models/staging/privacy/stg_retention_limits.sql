with

register as (
    select table_name, retention_days from {{ ref('pii_register') }} where retention_days is not null
),

orders as (
    select ordered_at from {{ read_columns(source('shop', 'shop_orders'), {'ordered_at': 'instant'}) }} as orders
),

events as (
    select occurred_at from {{ read_columns(source('app', 'app_events'), {'occurred_at': 'instant'}) }} as events
),

newest as (
    select
        {% if var('as_of_date') -%}
        cast(date_add(date {{ text_literal(var("as_of_date")) }}, 1) as timestamp) as newest_data_at
        {%- else -%}
        greatest(
            (select max(ordered_at) from orders where {{ is_past('ordered_at') }}),
            (select max(occurred_at) from events where {{ is_past('occurred_at') }})
        ) as newest_data_at
        {%- endif %}
)

select
    register.table_name,
    register.retention_days,
    newest.newest_data_at,
    newest.newest_data_at - make_dt_interval(register.retention_days) as keep_from
from register
cross join newest
