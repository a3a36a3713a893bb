{#-
  A raw table, or no rows with the columns of its contract where it does not exist: what is optional does no harm when it is
  absent and may not be created. What is only compiled, or compiled for lineage (`assume_sources`), keeps the name: columns are followed by it.
-#}
{% macro raw_table_or_empty(source_name, table_name) -%}
    {%- set relation = source(source_name, table_name) -%}
    {%- if not execute or relation.is_cte or not is_optional(contract_of(source_name, table_name))
        or model.config.meta.get('assume_sources') or flags.WHICH not in ['run', 'build', 'test', 'show'] or load_relation(relation) is not none -%}
        {{ return(relation) }}
    {%- endif -%}
    (select {% for column in contract_of(source_name, table_name).columns -%}
        cast(null as string) as {{ column }}{{ ', ' if not loop.last }}
    {%- endfor %} where false)
{%- endmacro %}


{#- Whether the contract lets a raw table or column be absent (`meta: {optional: true}`). -#}
{% macro is_optional(node) -%}
    {{ return(node.meta.get('optional', false)) }}
{%- endmacro %}
