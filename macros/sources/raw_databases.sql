{#- The databases that the raw tables are in: var('raw_database'), and others where a source names one of its own. -#}
{% macro raw_databases() -%}
    {{ return(contract_tables() | map(attribute='schema') | map('lower') | unique | list) }}
{%- endmacro %}


{#-
  Raise an error where a database of raw tables does not exist: a slip in its name would give a warehouse without rows. Only
  who loads something, or says so by `create_raw_databases`, makes one.
-#}
{% macro require_raw_databases() -%}
    {%- set existing = run_query('show databases').columns[0].values() | map('lower') | list -%}
    {%- for database in raw_databases() if database not in existing -%}
        {%- set similar = similar_names(database, existing) -%}
        {%- do exceptions.raise_compiler_error(
            "The raw database '" ~ database ~ "' does not exist: correct "
            ~ ('raw_database' if database == var('raw_database') | lower else 'the schema of its source')
            ~ (' (do you mean ' ~ similar | join(' or ') ~ '?)' if similar) ~ ', or make it: load_files and generate_demo_data fill it, '
            ~ 'dbt run-operation create_raw_databases leaves it empty.'
        ) -%}
    {%- endfor -%}
{%- endmacro %}


{#- Those of `names` that `name` may be a slip of: a third of its letters differs, or two; or one begins with the other. -#}
{% macro similar_names(name, names) -%}
    {%- if not names -%} {{ return([]) }} {%- endif -%}
    {%- set rows = [] -%}
    {%- for other in names -%} {%- do rows.append('(' ~ text_literal(other) ~ ')') -%} {%- endfor -%}
    {{ return(run_query(
        'with names as (select name, ' ~ text_literal(name) ~ ' as given from values ' ~ rows | join(', ') ~ ' as listed(name)) '
        ~ 'select name from names where levenshtein(name, given) <= greatest(2, length(given) / 3) '
        ~ 'or startswith(name, given) or startswith(given, name) order by levenshtein(name, given), name limit 5'
    ).columns[0].values() | list) }}
{%- endmacro %}


{#- Makes the databases of the raw tables that do not exist, for a company that has none yet: dbt run-operation create_raw_databases -#}
{% macro create_raw_databases() -%}
    {%- for database in raw_databases() -%}
        {%- do run_query('create database if not exists ' ~ adapter.quote(database)) -%}
        {%- do log('The database ' ~ database ~ ' exists.', info=true) -%}
    {%- endfor -%}
{%- endmacro %}


{#-
  dbt makes the databases that a run writes to before it calls any hook. In a warehouse without them nothing shall be made either,
  where there are no raw tables to build from.
-#}
{% macro spark__create_schema(relation) -%}
    {%- if flags.WHICH in ['run', 'build', 'test'] -%} {%- do require_raw_databases() -%} {%- endif -%}
    {%- call statement('create_schema') -%}
        create schema if not exists {{ relation }}
    {%- endcall -%}
{%- endmacro %}
