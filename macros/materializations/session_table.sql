{#-
  A table whose query uses functions of the session (macros/privacy/vault.sql). The SQL goes the way of a Python model: to the
  in-process session or to Spark Connect, on every target. A contract is checked on SQL connections only: put a contracted model on top.
-#}
{% materialization session_table, adapter='spark', supported_languages=['sql'] %}
    {%- if config.get('contract').enforced -%}
        {%- do exceptions.raise_compiler_error('A session_table has no contract: put a contracted model on top.') -%}
    {%- endif -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set old_relation = load_cached_relation(this) -%}

    {{ run_hooks(pre_hooks) }}

    {%- if old_relation is not none -%}
        {%- do adapter.drop_relation(old_relation) -%}
    {%- endif -%}
    {%- call statement('main', language='python') -%}
        {{ create_table_as(false, target_relation, session_query(compiled_code), 'python') }}
    {%- endcall -%}
    {%- do persist_docs(target_relation, model) -%}

    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
