{#- Fails for each raw table whose rows are not all staged, rejected or removed as duplicates. -#}
{% test accounts_for_every_row(model) %}
select raw_table, raw_rows, staged_rows, rejected_rows, duplicate_rows
from {{ model }}
where raw_rows <> staged_rows + rejected_rows + duplicate_rows
{% endtest %}
