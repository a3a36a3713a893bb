{{ config(materialized='view') }}

{%- set sources = ['crm', 'shop', 'app', 'ads', 'partner', 'geo', 'fx'] -%}

{% for source_name in sources %}
select
    '{{ source_name }}' as source_name,
    table_name,
    column_name,
    read_as,
    row_count,
    missing_rows,
    nothing_rows,
    text_rows,
    unreadable_rows,
    nothing_share,
    readable_share,
    max_nothing_share,
    min_readable_share,
    not (is_unreadable or is_poorly_readable or is_mostly_nothing) as passes
from {{ ref('stg_' ~ source_name ~ '__column_profile') }}
{{ 'union all' if not loop.last }}
{% endfor %}
