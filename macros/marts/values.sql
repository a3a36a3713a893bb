{#- What an order is worth by var('value_basis'), before refunds. Expects the columns of fct_orders. -#}
{% macro order_value(orders) -%}
    {%- set values = {
        'net': orders ~ '.net_amount',
        'gross': orders ~ '.gross_amount',
        'margin': 'coalesce(' ~ orders ~ '.margin_amount, 0)',
    } -%}
    {{ values[var('value_basis')] }}
{%- endmacro %}


{#- What a refund takes off that: nothing of gross amounts, all of it of a margin, as the goods need not come back. -#}
{% macro refund_value(amount) -%}
    {{ '0' if var('value_basis') == 'gross' else amount }}
{%- endmacro %}
