-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
with

orders as (
    select ordered_at from {{ ref('stg_shop__orders') }}
),

events as (
    select occurred_at from {{ ref('stg_app__events') }}
),

newest as (
    select greatest((select max(ordered_at) from orders), (select max(occurred_at) from events)) as newest_at
)

select
    {% if var('as_of_date') -%}
    date {{ text_literal(var("as_of_date")) }} as as_of_date
    {%- else -%}
    coalesce({{ business_date('newest_at') }}, current_date()) as as_of_date
    {%- endif %}
from newest
