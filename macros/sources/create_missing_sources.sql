{#-
  Before a run: the databases of the raw tables exist, and every raw table of the contract does and has the contract's columns. A missing table is created
  empty unless var('create_missing_sources') is false; then only optional ones may be missing. Raises a compilation error that names what is missing,
  and where a load was interrupted while it exchanged the raw tables: some are new then, some old.
-#}
{% macro create_missing_sources() -%}
    {%- if execute and flags.WHICH in ['run', 'build', 'test'] -%}
        {%- do require_known_zone(var('business_timezone')) -%}
        {%- do require_raw_databases() -%}
        {%- set exchanging = api.Relation.create(schema=var('raw_database'), identifier='loading__exchanging') -%}
        {%- if load_relation(exchanging) is not none -%}
            {%- do exceptions.raise_compiler_error(
                'A load into ' ~ exchanging.schema ~ ' was interrupted between two tables. Run it again before you build.'
            ) -%}
        {%- endif -%}
        {%- do require_known_sources(var('required_sources')) -%}
        {%- set missing = [] -%}
        {%- for table in contract_tables() -%}
            {%- set relation = load_relation(raw_relation(table)) -%}
            {%- if relation is none -%}
                {%- do missing.append(table) -%}
            {%- else -%}
                {%- do require_contract(table, relation) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if var('create_missing_sources') -%}
            {%- for table in missing -%}
                {%- do create_empty_raw_table(table) -%}
            {%- endfor -%}
        {%- elif missing | rejectattr('meta.optional', 'defined') | list -%}
            {%- do raise_missing(missing | rejectattr('meta.optional', 'defined') | list) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#- Raise an error for a time zone that Spark does not know: the data base of its Java may be older than Python's. -#}
{% macro require_known_zone(zone) -%}
    {%- set query = "select try_cast(concat('2000-01-01 00:00:00 ', " ~ text_literal(zone) ~ ') as timestamp) is not null as is_known' -%}
    {%- if not run_query(query).rows[0][0] -%}
        {%- do exceptions.raise_compiler_error('variable business_timezone is ' ~ zone ~ ', which Spark does not know.') -%}
    {%- endif -%}
{%- endmacro %}


{#- Raise an error for a name in var('required_sources') that no raw table has: nobody would miss that table. -#}
{% macro require_known_sources(names) -%}
    {%- set known = contract_tables() | map(attribute='name') | list -%}
    {%- set unknown = names | reject('in', known) | list -%}
    {%- if unknown -%}
        {%- do exceptions.raise_compiler_error(
            'required_sources names no raw table: ' ~ unknown | join(', ') ~ '. There are: ' ~ known | sort | join(', ') ~ '.'
        ) -%}
    {%- endif -%}
{%- endmacro %}


{% macro raise_missing(tables) -%}
    {%- do exceptions.raise_compiler_error(
        'Raw tables are missing and create_missing_sources is false: '
        ~ tables | map(attribute='relation_name') | join(', ') ~ '.'
    ) -%}
{%- endmacro %}


{% macro create_empty_raw_table(table) -%}
    {%- do run_query(
        'create table ' ~ raw_relation(table) ~ ' (' ~ table.columns | join(' string, ') ~ ' string) using parquet'
    ) -%}
{%- endmacro %}


{#- Raise an error unless the raw table has the contract's columns; further columns do no harm. -#}
{% macro require_contract(table, relation) -%}
    {%- set present = modules.re.findall('(?m)^ [|]-- ([^:]+):', relation.information or '')
        or adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- set present = present | map('lower') | list -%}
    {%- set absent = table.columns.values()
        | rejectattr('meta.optional', 'defined') | map(attribute='name') | reject('in', present) | list -%}
    {%- if absent -%}
        {%- do exceptions.raise_compiler_error(
            'Raw table ' ~ relation ~ ' lacks columns of its contract: ' ~ absent | join(', ') ~ '.'
        ) -%}
    {%- endif -%}
{%- endmacro %}
