{{ config(materialized='view') }}

{%- set gates = [ref('gate_shop')] %}

{% for gate in gates %}
select
    run_id,
    run_at,
    gate,
    relation,
    suite,
    expectation,
    column_name,
    severity,
    dimension,
    owner,
    success,
    element_count,
    unexpected_count,
    unexpected_share,
    observed_value,
    kwargs,
    message,
    exception
from {{ gate }}
{% if not loop.last %}union all{% endif %}
{% endfor %}
