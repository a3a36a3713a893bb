-- depends_on: {{ ref('gate_customer') }}
{{ reidentification('profile') }}
