{#- Fails with one row per failed expectation of the given severities in the newest run of a gate. -#}
{% test gate_passed(model, severities) %}
{{ failed_expectations(model, severities) }}
{% endtest %}
