{#- Fails when a critical expectation failed in the newest run of a gate, warns when others did; counts both. -#}
{% test gate_passed(model) %}
{{ config(warn_if='> 0', error_if="> 0 and count_if(severity = 'critical') > 0") }}
{{ failed_expectations(model) }}
{% endtest %}
