{%- set tables = {
    'fx_rates': {'currency': 'text', 'rate_date': 'day', 'rate': 'number'},
} -%}

{{ column_profile('fx', tables) }}
