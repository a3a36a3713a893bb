{#-
  Query of one row, `first_day`: the first day that a run builds again of a table that keeps its older days, so many days
  before the newest of the approved version; the beginning of time without one.
-#}
{% macro first_day_to_rebuild(approved, day, days) -%}
    {% if approved -%}
    select coalesce(date_sub(max({{ day }}), {{ days }}), date '1900-01-01') as first_day
    from {{ approved }} as approved
    {%- else -%}
    select date '1900-01-01' as first_day
    {%- endif %}
{%- endmacro %}
