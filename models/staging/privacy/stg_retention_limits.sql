with

register as (
    select table_name, retention_days from {{ ref('pii_register') }} where retention_days is not null
),

orders as (
    select {{ parse_timestamp('ordered_at') }} as ordered_at from {{ source('shop', 'shop_orders') }}
),

events as (
    select {{ parse_timestamp('occurred_at') }} as occurred_at from {{ source('app', 'app_events') }}
),

newest as (
    select
        {% if var('as_of_date') -%}
        cast(date_add(date '{{ var("as_of_date") }}', 1) as timestamp) as newest_data_at
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
