{#- dbt's test `relationships`, by keys: it fails with one row per key that the parent lacks, however many rows have it.
    dbt's own joins every row of the child, which for a fact is all of them. -#}
{% macro spark__test_relationships(model, column_name, to, field) %}
with child_keys as (
    select distinct {{ column_name }} as missing_key
    from {{ model }}
    where {{ column_name }} is not null
)

select child_keys.missing_key
from child_keys
left anti join {{ to }} as parent on child_keys.missing_key = parent.{{ field }}
{% endmacro %}
