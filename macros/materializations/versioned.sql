{#-
  A table per run, `<model>__v<run>`, and a view `<model>` on the newest one. Whoever reads the view never meets a table
  that is missing or half written, and `publish` can approve a version, keep it, or go back to an older one.
  SQL and Python models, contracts, `partition_by` and the like work as with `table`. A model with `meta.takes_over`
  writes only the months that it builds anew (macros/publishing/shared_months.sql).
-#}
{% materialization versioned, adapter='spark', supported_languages=['sql', 'python'] %}
    {%- set view = this.incorporate(type='view') -%}
    {%- set version = version_relation(model, run_version()) -%}
    {%- set former = load_cached_relation(this) -%}

    {{ run_hooks(pre_hooks) }}
    {%- if model['language'] == 'sql' -%}
        {%- set written = files_relation(model, run_version()) if shares_months(model) else version -%}
        {#- First the empty table, then its rows: what a killed run leaves behind then belongs to a table and can be dropped. -#}
        {%- do run_query(create_version(written, compiled_code)) -%}
        {%- call statement('main') -%}
            insert into {{ written }} by name
            {{ compiled_code }}
        {%- endcall -%}
        {%- if shares_months(model) -%}
            {%- do assemble_version(version, written) -%}
        {%- endif -%}
    {%- else -%}
        {%- call statement('main', language='python') -%}
            {{ create_table_as(False, version, compiled_code, 'python') }}
        {%- endcall -%}
    {%- endif -%}

    {%- if former is not none and former.type == 'table' -%}
        {%- do adapter.drop_relation(former) -%}
    {%- endif -%}
    {%- do point_view(view, version, exists=former is not none and former.type == 'view') -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [view]}) }}
{% endmaterialization %}
