{#- Which versions are approved, and which of them are kept. -#}

{% macro publications() -%}
    {{ return(raw_relation(contract_of('hooks', 'publications'))) }}
{%- endmacro %}


{#- Whether a table or view exists, asked of Spark: dbt's cache does not know what hooks create. -#}
{% macro exists_now(relation) -%}
    {{ return(adapter.check_schema_exists(none, relation.schema)
        and run_query('show tables in ' ~ relation.schema ~ " like '" ~ relation.identifier ~ "'").rows | length > 0) }}
{%- endmacro %}


{#- Create a table of the source `hooks`, as declared, unless it is there. -#}
{% macro create_hook_table(name) -%}
    {%- set table = contract_of('hooks', name) -%}
    {%- set columns = [] -%}
    {%- for column in table.columns.values() -%} {%- do columns.append(column.name ~ ' ' ~ column.data_type) -%} {%- endfor -%}
    {%- do run_query('create database if not exists ' ~ table.schema) -%}
    {%- do run_query('create table if not exists ' ~ raw_relation(table) ~ ' (' ~ columns | join(', ') ~ ') using parquet') -%}
{%- endmacro %}


{#- Record (model, version) pairs as approved from now on. -#}
{% macro record_versions(pairs) -%}
    {%- set rows = [] -%}
    {%- for model, version in pairs -%}
        {%- do rows.append("('" ~ model ~ "', '" ~ version ~ "', '" ~ invocation_id ~ "', current_timestamp())") -%}
    {%- endfor -%}
    {%- do run_query('insert into ' ~ publications() ~ ' values ' ~ rows | join(', ')) -%}
{%- endmacro %}


{#- Approved versions by model, the one in force first. A rollback withdraws what is newer than the version it goes to. -#}
{% macro approved_versions() -%}
    {%- set approved = {} -%}
    {%- if exists_now(publications()) -%}
        {%- set found = run_query(
            'select model, version from ('
            ~ 'select *, min(version) over (partition by model order by approved_at rows between current row and unbounded following) as in_force '
            ~ 'from ' ~ publications() ~ ') as publications where version = in_force group by model, version order by version desc'
        ) -%}
        {%- for row in found.rows -%}
            {%- do approved.setdefault(row['model'], []).append(row['version']) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(approved) }}
{%- endmacro %}


{#- The version that a view stands on, by its own text; none where there is no such view. -#}
{% macro shown_version(view) -%}
    {%- if not exists_now(view) -%} {{ return(none) }} {%- endif -%}
    {{ return(version_in(run_query('show create table ' ~ view).rows[0][0])) }}
{%- endmacro %}


{#- The version that the text of a view names; none where it names none. -#}
{% macro version_in(text) -%}
    {{ return(modules.re.findall('__(v[0-9]{14}[0-9a-f]{4}(?:__scrubbed)?)', text) | last | default(none)) }}
{%- endmacro %}


{#-
  The version that the build shows of a model: the run's own if it was `built`, by unique id; else what dbt read of the view
  when the run began, for asking again, view by view, is the longest part of a small run's end.
-#}
{% macro shown_in_build(node, built) -%}
    {%- if node.unique_id in built -%} {{ return(run_version()) }} {%- endif -%}
    {%- set view = load_cached_relation(build_view(node)) -%}
    {%- if view is not none and view.information -%}
        {{ return(version_in(modules.re.findall('(?m)^View Text: .*', view.information) | join)) }}
    {%- endif -%}
    {{ return(shown_version(build_view(node))) }}
{%- endmacro %}


{#- The tables that hold the models' rows, by name of the model: (node, what its name adds to the model's alias). -#}
{% macro stored_tables(pattern) -%}
    {%- set stored = {} -%}
    {%- for schema, nodes in versioned_nodes() | groupby('schema') if adapter.check_schema_exists(none, schema) -%}
        {%- set tables = run_query('show tables in ' ~ schema ~ " like '*__v*'").columns['tableName'].values() -%}
        {%- for node in nodes -%}
            {%- for table in tables if modules.re.fullmatch(node.alias ~ pattern, table) -%}
                {%- do stored.setdefault(node.name, []).append((node, table[node.alias | length:])) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(stored) }}
{%- endmacro %}


{#- Versions that exist, by model. -#}
{% macro existing_versions() -%}
    {%- set existing = {} -%}
    {%- for name, tables in stored_tables(version_pattern()).items() -%}
        {%- for node, suffix in tables -%} {%- do existing.setdefault(name, []).append(suffix[2:]) -%} {%- endfor -%}
    {%- endfor -%}
    {{ return(existing) }}
{%- endmacro %}


{#-
  Drop the versions that nobody can need any more: not in force, none of the var('keep_versions') before it, and not the
  one that the current build shows. Those are older ones, and what killed or failed runs left behind. built: the models
  that this run built, by unique id.
-#}
{% macro drop_old_versions(built) -%}
    {%- set approved, existing, files = approved_versions(), existing_versions(), existing_files() -%}
    {%- for node in versioned_nodes() -%}
        {%- set kept = approved.get(node.name, [])[:1 + [var('keep_versions'), 1] | max] -%}
        {%- set others = existing.get(node.name, []) | reject('in', kept) | list -%}
        {%- set shown = shown_in_build(node, built) if others -%}
        {%- set dropped = others | reject('equalto', shown) | list -%}
        {%- for version in dropped -%}
            {%- do run_query('drop table if exists ' ~ version_relation(node, version)) -%}
        {%- endfor -%}
        {%- set remaining = existing.get(node.name, []) | reject('in', dropped) | list -%}
        {#- A run's months are all in its own version, so there can be others only where that is gone or was scrubbed. -#}
        {%- set own = [] -%}
        {%- for version in remaining -%} {%- do own.append(files_relation(node, version).identifier) -%} {%- endfor -%}
        {%- if files.get(node.name, []) | rejectattr('identifier', 'in', own) | list -%}
            {%- do drop_unused_months(node, remaining, files[node.name]) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}


{#-
  Point the published views back at the versions before the last publication:
    dbt run-operation rollback
    dbt run-operation rollback --args '{before: v20250630120000ab12}'   the versions in force before that one
  Only marts with that version or a newer one are touched. Raises an error, and changes nothing, where no older version
  of one of them is kept.
-#}
{% macro rollback(before=none) -%}
    {%- set approved, existing = approved_versions(), existing_versions() -%}
    {%- set before = before or approved.values() | map('first') | sort | last | default(none) -%}
    {%- if not before -%} {%- do exceptions.raise_compiler_error('rollback: nothing has been published yet.') -%} {%- endif -%}
    {%- set chosen, missing = [], [] -%}
    {%- for node in versioned_nodes() if approved.get(node.name, [''])[0] >= before -%}
        {%- set older = [] -%}
        {%- for version in approved[node.name] if version < before and version in existing.get(node.name, []) -%}
            {%- do older.append(version) -%}
        {%- endfor -%}
        {%- if older -%} {%- do chosen.append((node, older[0])) -%} {%- else -%} {%- do missing.append(node.name) -%} {%- endif -%}
    {%- endfor -%}
    {%- if missing or not chosen -%}
        {%- do exceptions.raise_compiler_error(
            'rollback: nothing was changed; no version before ' ~ before ~ ' is kept' ~ (' of ' ~ missing | sort | join(', ') if missing) ~ '.'
        ) -%}
    {%- endif -%}
    {%- set pairs = [] -%}
    {%- for node, version in chosen -%} {%- do pairs.append((node.name, version)) -%} {%- endfor -%}
    {%- do record_versions(pairs) -%}
    {%- for node, version in chosen if node.config.meta.get('published') -%}
        {%- set table = version_relation(node, version) -%}
        {%- do point_view(published_relation(node), table, published_columns(node, table)) -%}
        {%- do log(target.schema ~ '.' ~ node.alias ~ ': ' ~ version, info=true) -%}
    {%- endfor -%}
{%- endmacro %}
