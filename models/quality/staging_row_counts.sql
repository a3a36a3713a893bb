{%- set entities = {
    'crm': ['customers', 'consents', 'erasure_requests', 'service_tickets', 'contracts'],
    'shop': ['orders', 'order_items', 'products', 'stores', 'inventory', 'refunds'],
    'app': ['events', 'experiments'],
    'ads': ['campaigns', 'impressions'],
    'partner': ['members'],
    'geo': ['regions'],
    'fx': ['rates'],
} -%}

with

counts as (
    {% for source_name in entities %}
    {%- set last_source = loop.last %}
    {%- for entity in entities[source_name] %}
    {%- set raw_table = source_name ~ '_' ~ entity %}
    {%- set staged = 'stg_' ~ source_name ~ '__' ~ entity %}
    select
        '{{ source_name }}' as source_name,
        '{{ raw_table }}' as raw_table,
        raw.raw_rows,
        staged.staged_rows,
        rejected.rejected_rows,
        rejected.withheld_rows,
        staged.duplicate_rows
    from (select count(*) as raw_rows from {{ raw_table_or_empty(source_name, raw_table) }}) as raw
    cross join (
        select count(*) as staged_rows, coalesce(sum(duplicate_rows), 0) as duplicate_rows from {{ ref(staged) }}
    ) as staged
    cross join (
        select count(*) as rejected_rows, count_if({{ is_withheld('reject_reason') }}) as withheld_rows
        from {{ ref(staged ~ '__rejected') }}
    ) as rejected
    {{ 'union all' if not (last_source and loop.last) }}
    {% endfor %}
    {% endfor %}
)

select
    source_name,
    raw_table,
    raw_rows,
    staged_rows,
    rejected_rows,
    withheld_rows,
    duplicate_rows,
    coalesce(try_divide(cast(rejected_rows as double), cast(raw_rows as double)), 0) as rejected_share
from counts
