{#-
  The rows of a CSV file (plain or gzip, with a header; the path as the Spark server sees it) as a table of strings in
  the raw database, until `drop_loaded_csv`. The whole file is read here, so a file that cannot be read, or that lacks
  one of the `required` columns, is an error before any raw table is touched. Several files need a `name` each.
-#}
{% macro load_csv(path, required, name='csv') -%}
    {%- set loaded = loaded_csv(name) -%}
    {%- do run_query(
        "create or replace temporary view loading__csv using csv options ("
        ~ "path '" ~ path | replace("'", "\\'") ~ "', header 'true', multiLine 'true', escape '\"')"
    ) -%}
    {%- do require_columns(path, run_query('select * from loading__csv limit 0').column_names, required) -%}
    {%- do run_query('create database if not exists ' ~ loaded.schema) -%}
    {%- do run_query('drop table if exists ' ~ loaded) -%}
    {%- do run_query('create table ' ~ loaded ~ ' using parquet as select ' ~ required | join(', ') ~ ' from loading__csv') -%}
    {{ return(loaded) }}
{%- endmacro %}


{% macro loaded_csv(name) -%}
    {{ return(api.Relation.create(schema=var('raw_database'), identifier='loading__' ~ name)) }}
{%- endmacro %}


{% macro drop_loaded_csv(names=['csv']) -%}
    {%- do run_query('drop view if exists loading__csv') -%}
    {%- for name in names -%}
        {%- do run_query('drop table if exists ' ~ loaded_csv(name)) -%}
    {%- endfor -%}
{%- endmacro %}


{#- Raise an error that names the columns a file lacks. -#}
{% macro require_columns(path, present, required) -%}
    {%- set absent = required | reject('in', present | list) | list -%}
    {%- if absent -%}
        {%- do exceptions.raise_compiler_error(path ~ ' lacks columns: ' ~ absent | join(', ') ~ '.') -%}
    {%- endif -%}
{%- endmacro %}


{#-
  Raise an error where a raw table holds rows that neither a loader nor the demo generator wrote: they are a company's.
  Theirs carry the table property loaded_by or demo_data.
-#}
{% macro require_no_company_data(loader, force) -%}
    {%- for table in contract_tables() if not force -%}
        {%- set relation = load_relation(raw_relation(table)) -%}
        {%- if relation is not none
            and not modules.re.search('loaded_by|demo_data', run_query('show tblproperties ' ~ relation).columns[0].values() | join(' '))
            and run_query('select 1 as one from ' ~ relation ~ ' limit 1').rows | length -%}
            {%- do exceptions.raise_compiler_error(
                loader ~ ' would replace ' ~ relation ~ ', which holds rows that no loader wrote; name another raw_database, '
                ~ 'or pass force: true to lose them.'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}


{#- Replace every raw table of the contract by an empty one, so that no rows of another origin remain. -#}
{% macro empty_raw_tables(loader) -%}
    {%- for table in contract_tables() -%}
        {%- set relation = load_relation(raw_relation(table)) -%}
        {%- if relation is not none -%}
            {%- do adapter.drop_relation(relation) -%}
        {%- endif -%}
        {%- do create_empty_raw_table(table, loaded_by=loader) -%}
    {%- endfor -%}
{%- endmacro %}


{#-
  Fill a raw table from a query.
    columns   SQL expression by column; the contract's other columns become null
    rows      what follows `from`
-#}
{% macro fill_raw_table(source_name, table_name, columns, rows) -%}
    {%- set contract = contract_of(source_name, table_name) -%}
    {%- set select_list = [] -%}
    {%- for column in contract.columns.values() -%}
        {%- do select_list.append('cast(' ~ columns.get(column.name, 'null') ~ ' as string) as ' ~ column.name) -%}
    {%- endfor -%}
    {%- do run_query(
        'insert overwrite table ' ~ raw_relation(contract)
        ~ ' select ' ~ select_list | join(', ') ~ ' from ' ~ rows
    ) -%}
{%- endmacro %}
