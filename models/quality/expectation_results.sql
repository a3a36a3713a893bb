{{ config(materialized='view') }}

{%- set gates = [
    ref('gate_crm'), ref('gate_shop'), ref('gate_app'), ref('gate_ads'),
    ref('gate_geo'), ref('gate_partner'), ref('gate_fx'), ref('gate_core'), ref('gate_customer'), ref('gate_segments'),
    ref('gate_profile'), ref('gate_journey'), ref('gate_campaign'), ref('gate_merchandising'), ref('gate_prediction'),
    ref('gate_decision'),
] %}

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
    exception,
    sample_keys
from {{ gate }}
{% if not loop.last %}union all{% endif %}
{% endfor %}
