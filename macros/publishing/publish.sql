{#
  Publish what this run approved: a view in the target's schema on each mart that was built without an error, all of
  whose own tests ran and passed, and that no other test found wrong. A mart that failed, or was skipped because a gate
  upstream failed, keeps the view it had; so does one that was built without its tests.
#}
{% macro publish(results) %}
  {%- if execute and flags.WHICH == 'build' -%}
    {%- set passed = [] -%}
    {%- set failed = [] -%}
    {%- for result in results if result.node.resource_type in ('test', 'unit_test') -%}
      {%- if result.status in ('pass', 'success', 'warn') -%}
        {%- do passed.append(result.node.unique_id) -%}
      {%- else -%}
        {%- do failed.extend(result.node.depends_on.nodes) -%}
      {%- endif -%}
    {%- endfor -%}
    {%- for test in graph.nodes.values() if test.resource_type == 'test' and test.unique_id not in passed -%}
      {%- do failed.append(test.attached_node) -%}
    {%- endfor -%}

    {%- do run_query('create database if not exists ' ~ target.schema) -%}
    {%- for result in results
        if result.node.resource_type == 'model' and result.status == 'success'
        and result.node.config.meta.get('published') and result.node.unique_id not in failed -%}
      {%- do run_query(published_view(result.node)) -%}
    {%- endfor -%}
  {%- endif -%}
{% endmacro %}


{# The view that BI tools read: the mart's columns, with the descriptions of its YAML as comments. #}
{% macro published_view(node) %}
  create or replace view {{ target.schema }}.{{ node.alias }} (
    {%- for column in node.columns.values() %}
    {{ adapter.quote(column.name) }} comment {{ comment_literal(column.description) }}{{ ',' if not loop.last }}
    {%- endfor %}
  )
  comment {{ comment_literal(node.description) }}
  as
  select
    {%- for column in node.columns.values() %}
    {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
    {%- endfor %}
  from {{ node.schema }}.{{ node.alias }}
{% endmacro %}


{% macro comment_literal(text) -%}
  '{{ text | trim | replace("\\", "\\\\") | replace("'", "\\'") }}'
{%- endmacro %}
