{#- How many of the rows joined to a snapshot lie in its last `days` days, of those that meet `condition`. -#}
{% macro count_within(day, days, condition='true') -%}
    count_if(datediff(snapshots.snapshot_date, {{ day }}) < {{ days }} and {{ condition }})
{%- endmacro %}
