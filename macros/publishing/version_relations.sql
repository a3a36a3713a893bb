{#- What this run's versions are called, later ones sorting later: v, the instant it started in UTC, and who it is. -#}
{% macro run_version() -%}
    {{ return('v' ~ run_started_at.strftime('%Y%m%d%H%M%S') ~ invocation_id[:4]) }}
{%- endmacro %}


{#- What a version's table is called after its model, as a regular expression of Python and of Java. -#}
{% macro version_pattern() -%}
    {{ return('__v[0-9]{14}[0-9a-f]{4}') }}
{%- endmacro %}


{% macro version_relation(node, version) -%}
    {{ return(api.Relation.create(schema=node.schema, identifier=node.alias ~ '__' ~ version, type='table')) }}
{%- endmacro %}


{% macro build_view(node) -%}
    {{ return(api.Relation.create(schema=node.schema, identifier=node.alias, type='view')) }}
{%- endmacro %}


{% macro published_relation(node) -%}
    {{ return(api.Relation.create(schema=target.schema, identifier=node.alias, type='view')) }}
{%- endmacro %}


{#- Whether a version was built as of a day in the past; `assemble_version` notes it down. -#}
{% macro is_of_the_past(version) -%}
    {{ return('as_of_date' in run_query('show tblproperties ' ~ version).columns[0].values()) }}
{%- endmacro %}


{#- The statement that makes a version, empty. With a contract its columns bear the descriptions of the YAML. -#}
{% macro create_version(version, query) %}
    {%- if not config.get('contract').enforced -%}
        {{ create_table_as(False, version, 'select * from (\n' ~ query ~ '\n) limit 0') }}
    {%- else -%}
        {%- do get_assert_columns_equivalent(query) -%}
        create table {{ version }} (
            {%- for column in model.columns.values() %}
            {{ adapter.quote(column.name) }} {{ column.data_type }} comment {{ comment_literal(column.description) }}{{ ',' if not loop.last }}
            {%- endfor %}
        )
        {{ file_format_clause() }}
        {{ options_clause() }}
        {{ tblproperties_clause() }}
        {{ partition_cols(label='partitioned by') }}
        {{ location_clause() }}
        comment {{ comment_literal(model.description) }}
    {%- endif -%}
{% endmacro %}


{% macro comment_literal(text) -%}
    {{ text_literal(text | trim) }}
{%- endmacro %}


{#-
  Put a view on a version of its model. `alter view` is one change of the metastore; `create or replace view` would drop
  the view first, and readers would meet the gap. columns: what it shows. exists: whether the view is there, if the caller knows. A new view gets
  the description as its comment.
-#}
{% macro point_view(view, table, columns='*', exists=none, description='') -%}
    {%- set exists = exists_now(view) if exists is none else exists -%}
    {%- set comment = ' comment ' ~ comment_literal(description) if description and not exists else '' -%}
    {%- do run_query(('alter view ' if exists else 'create view ') ~ view ~ comment ~ ' as select ' ~ columns ~ ' from ' ~ table) -%}
{%- endmacro %}


{#-
  What the published view of a model shows: all columns but those whose meta says `published: false`. Of an older `version`
  only what the model publishes today: it may have columns that were withdrawn since.
-#}
{% macro published_columns(node, version=none) -%}
    {%- set unpublished = node.columns.values() | selectattr('config.meta.published', 'equalto', false) | map(attribute='name') | list -%}
    {%- set shown = node.columns | reject('in', unpublished) | list -%}
    {%- if version and node.config.contract.enforced -%}
        {%- set present = adapter.get_columns_in_relation(version) | map(attribute='name') | list -%}
        {%- set all_shown = present | reject('in', shown) | list == [] -%}
        {%- set shown = present | select('in', shown) | list -%}
    {%- else -%}
        {%- set all_shown = unpublished == [] -%}
    {%- endif -%}
    {{ return('*' if all_shown else shown | join(', ')) }}
{%- endmacro %}


{#-
  The version of this model that is approved, for a model that takes rows over from it: none on a first run or with
  --full-refresh, unless it `survives_full_refresh`. Not the newest built one, which may have failed its gate. A build as of a
  day in the past takes nothing over, and nothing is taken over from one: it knew less, of older days too. Raises an
  error where the model's columns have changed since, as older rows would lack them.
-#}
{% macro approved_version(survives_full_refresh=false) -%}
    {%- if not execute or (flags.FULL_REFRESH and not survives_full_refresh) -%} {{ return(none) }} {%- endif -%}
    {%- set versions = approved_versions().get(model.name) -%}
    {%- if not versions -%} {{ return(none) }} {%- endif -%}
    {%- set approved = version_relation(model, versions[0]) -%}
    {%- if model.config.meta.get('takes_over') and (var('as_of_date') or is_of_the_past(approved)) -%} {{ return(none) }} {%- endif -%}
    {%- set columns = adapter.get_columns_in_relation(approved) | map(attribute='name') | sort | list -%}
    {%- if columns != model.columns | sort -%}
        {%- do exceptions.raise_compiler_error(
            'The columns of ' ~ model.name ~ ' have changed since its approved version: build it once with --full-refresh.'
        ) -%}
    {%- endif -%}
    {{ return(approved) }}
{%- endmacro %}
