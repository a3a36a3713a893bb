{# A view, so that it shows the run whose critical failures made dbt skip it. #}
{{ config(materialized='view') }}

{% for domain in reidentification_tables() %}
select
    table_name,
    combination,
    k,
    people,
    cells,
    smallest_cell,
    unique_people,
    people_below_k,
    share_below_k,
    max_share,
    severity,
    is_published,
    passes,
    reason
from {{ ref('int_' ~ domain ~ '_reidentification') }}
{% if not loop.last %}union all{% endif %}
{% endfor %}
