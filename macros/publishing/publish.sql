{#-
  Write, audit, publish: the end of a run. A version is approved when, in this run, its model was built, all of its own
  tests and every gate that reads it ran and passed, no other test found it wrong, and each version it was computed from
  is approved too. Approved versions are recorded first and then put behind the views that BI tools read, one view at a
  time. What was not approved keeps the view it had.
-#}
{% macro publish(results) -%}
    {%- if execute and flags.WHICH == 'build' -%}
        {%- do create_hook_table('publications') -%}
        {%- do run_query('create database if not exists ' ~ target.schema) -%}
        {%- set nodes = [] if leaks(results) else approved_nodes(results) -%}
        {%- set pairs = [] -%}
        {%- for node in nodes -%} {%- do pairs.append((node.name, run_version())) -%} {%- endfor -%}
        {%- if pairs -%} {%- do record_versions(pairs) -%} {%- endif -%}
        {%- set views = {} -%}
        {%- for row in run_query("show table extended in " ~ target.schema ~ " like '*'") -%} {%- do views.update({row['tableName']: row['information']}) -%} {%- endfor -%}
        {%- for node in nodes if node.config.meta.get('published') -%}
            {%- set view, description = published_relation(node), node.description | trim -%}
            {%- do point_view(view, version_relation(node, run_version()), published_columns(node), exists=node.alias in views, description=description) -%}
            {#- A view from before its description, or before this one. `comment on` takes no views. -#}
            {%- if node.alias in views and ('Comment: ' ~ description ~ '\n') not in views[node.alias] -%}
                {%- do run_query('alter view ' ~ view ~ " set tblproperties ('comment' = " ~ comment_literal(description) ~ ')') -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do drop_old_versions(built_nodes(results)) -%}
        {%- do report_unchecked(results) -%}
    {%- elif execute and flags.WHICH == 'run' -%}
        {%- do create_hook_table('publications') -%}
        {%- do drop_old_versions(built_nodes(results)) -%}
    {%- endif -%}
{%- endmacro %}


{#- Whether a test whose meta says `blocks_publishing` failed: then this run publishes nothing at all. -#}
{% macro leaks(results) -%}
    {%- for result in results if result.node.config.meta.get('blocks_publishing') and result.status != 'pass' -%}
        {%- do log('Nothing is published: ' ~ result.node.name ~ ' did not pass.', info=true) -%}
        {{ return(true) }}
    {%- endfor -%}
    {{ return(false) }}
{%- endmacro %}


{#- The versioned models that this run approved, parents before children. -#}
{% macro approved_nodes(results) -%}
    {%- set faulty = faulty_nodes(results) -%}
    {%- set built = built_nodes(results) -%}
    {%- set former = approved_versions() -%}
    {%- set approved = {} -%}
    {#- Results come in the order in which nodes ended, so a parent comes before its children. -#}
    {%- for unique_id, node in built.items() if unique_id not in faulty -%}
        {%- set doubtful = ungated_parents(node, results, faulty) -%}
        {%- for parent in versioned_parents(node) if parent.unique_id not in approved -%}
            {%- if parent.unique_id in built or shown_in_build(parent, built) != former.get(parent.name, [none])[0] -%}
                {%- do doubtful.append(parent.name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if not doubtful -%}
            {%- do approved.update({unique_id: node}) -%}
        {%- elif node.config.meta.get('published') -%}
            {%- do log(node.name ~ ' is not published: not approved is what it was computed from, ' ~ doubtful | join(', ') ~ '.', info=true) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(approved.values() | list) }}
{%- endmacro %}


{#- Names of the staging tables it reads that this run built and did not gate: their readers are not approved either. -#}
{% macro ungated_parents(node, results, faulty) -%}
    {%- set ungated = [] -%}
    {%- for result in results if result.node.unique_id in node.depends_on.nodes and result.node.unique_id in faulty -%}
        {%- if result.node.resource_type == 'model' and result.node.config.materialized != 'versioned' -%}
            {%- do ungated.append(result.node.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(ungated) }}
{%- endmacro %}


{#- Unique ids of what this run found wrong, or did not check. -#}
{% macro faulty_nodes(results) -%}
    {%- set passed = [] -%}
    {%- set faulty = [] -%}
    {%- for result in results -%}
        {%- if result.status in ('pass', 'success', 'warn') -%}
            {%- do passed.append(result.node.unique_id) -%}
        {%- elif result.node.resource_type in ('test', 'unit_test') -%}
            {%- do faulty.extend(result.node.depends_on.nodes) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for test in graph.nodes.values() if test.resource_type == 'test' and test.unique_id not in passed -%}
        {%- do faulty.append(test.attached_node) -%}
    {%- endfor -%}
    {%- for gate in graph.nodes.values() if gate.name.startswith('gate_') and gate.resource_type == 'model' -%}
        {%- if gate.unique_id in faulty or gate.unique_id not in passed -%}
            {%- do faulty.extend(gate.depends_on.nodes) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(faulty) }}
{%- endmacro %}


{#- The first five of some names, and how many more there are. -#}
{% macro first_names(names) -%}
    {%- set names = names | unique | list -%}
    {{ return(names[:5] | join(', ') ~ (' and ' ~ (names | length - 5) ~ ' more' if names | length > 5 else '')) }}
{%- endmacro %}


{#- Say in a line what this run built but could not approve as a gate or a test was not in it, and what would publish it. -#}
{% macro report_unchecked(results) -%}
    {%- set ran = results | map(attribute='node.unique_id') | list -%}
    {%- set unchecked = [] -%}
    {%- set missing = [] -%}
    {%- for unique_id, node in built_nodes(results).items() if node.config.meta.get('published') -%}
        {%- for check in graph.nodes.values() if check.unique_id not in ran -%}
            {%- set is_gate = check.name.startswith('gate_') and check.resource_type == 'model' -%}
            {%- if (is_gate and unique_id in check.depends_on.nodes) or (check.resource_type == 'test' and check.attached_node == unique_id) -%}
                {%- do unchecked.append(node.name) -%}
                {%- do missing.append(check.name) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if missing -%}
        {%- set selection = (invocation_args_dict.get('select') or []) | list -%}
        {%- for name in missing | unique if name.startswith('gate_') -%} {%- do selection.append('+' ~ name) -%} {%- endfor -%}
        {%- do log(
            'Built but not published: ' ~ first_names(unchecked) ~ '. Not in this run: ' ~ first_names(missing)
            ~ '. To publish: dbt build' ~ (' -s ' ~ selection | join(' ') if selection else ''), info=true
        ) -%}
    {%- endif -%}
{%- endmacro %}


{#- The versioned models that this run built, by unique id. -#}
{% macro built_nodes(results) -%}
    {%- set built = {} -%}
    {%- for result in results if result.node.resource_type == 'model' and result.status == 'success' -%}
        {%- if result.node.config.materialized == 'versioned' -%}
            {%- do built.update({result.node.unique_id: result.node}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(built) }}
{%- endmacro %}


{% macro versioned_nodes() -%}
    {{ return(graph.nodes.values() | selectattr('config.materialized', 'equalto', 'versioned') | list) }}
{%- endmacro %}


{% macro versioned_parents(node) -%}
    {%- set parents = [] -%}
    {%- for unique_id in node.depends_on.nodes if graph.nodes.get(unique_id, {}).get('config', {}).get('materialized') == 'versioned' -%}
        {%- do parents.append(graph.nodes[unique_id]) -%}
    {%- endfor -%}
    {{ return(parents) }}
{%- endmacro %}
