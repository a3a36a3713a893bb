{#- The raw tables that this project declares, as dbt's graph has them. -#}
{% macro contract_tables() -%}
    {{ return(graph.sources.values() | selectattr('package_name', 'equalto', project_name) | rejectattr('source_name', 'equalto', 'hooks') | list) }}
{%- endmacro %}


{% macro contract_of(source_name, table_name) -%}
    {{ return(graph.sources['source.' ~ project_name ~ '.' ~ source_name ~ '.' ~ table_name]) }}
{%- endmacro %}


{% macro raw_relation(table) -%}
    {{ return(api.Relation.create(schema=table.schema, identifier=table.identifier)) }}
{%- endmacro %}


{#- Which of the optional `columns` a raw table does not have. The made-up input of a unit test has none of them. -#}
{% macro absent_columns(relation, columns) -%}
    {%- if not execute or relation.is_cte -%} {{ return(columns) }} {%- endif -%}
    {%- set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {{ return(columns | reject('in', present) | list) }}
{%- endmacro %}
