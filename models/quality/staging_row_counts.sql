{%- set entities = [
    ('crm', 'customers'), ('crm', 'consents'), ('crm', 'erasure_requests'), ('crm', 'service_tickets'),
    ('shop', 'orders'), ('shop', 'order_items'), ('shop', 'products'), ('shop', 'stores'), ('shop', 'inventory'),
    ('app', 'events'), ('app', 'experiments'), ('geo', 'regions'),
] -%}

with

counts as (
    {% for source_name, entity in entities %}
    {%- set raw_table = source_name ~ '_' ~ entity %}
    {%- set staged = 'stg_' ~ source_name ~ '__' ~ entity %}
    select
        '{{ source_name }}' as source_name,
        '{{ raw_table }}' as raw_table,
        (select count(*) from {{ source(source_name, raw_table) }}) as raw_rows,
        (select count(*) from {{ ref(staged) }}) as staged_rows,
        (select count(*) from {{ ref(staged ~ '__rejected') }}) as rejected_rows,
        coalesce((select sum(duplicate_rows) from {{ ref(staged) }}), 0) as duplicate_rows
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    source_name,
    raw_table,
    raw_rows,
    staged_rows,
    rejected_rows,
    duplicate_rows,
    coalesce(try_divide(cast(rejected_rows as double), cast(raw_rows as double)), 0) as rejected_share
from counts
