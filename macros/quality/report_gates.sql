{#- For on-run-end: one line per failed expectation of each gate whose gate_passed test did not pass in this run.
    results: dbt's run results. -#}
{% macro report_gates(results) %}
    {%- set gates = {} -%}
    {%- for result in results -%}
        {%- set test = result.node.test_metadata -%}
        {%- if test and test.name == 'gate_passed' and result.status in ['fail', 'warn'] -%}
            {%- do gates.setdefault(result.node.attached_node, []).extend(test.kwargs.severities) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- for gate, severities in gates.items() -%}
        {%- set node = graph.nodes[gate] -%}
        {%- set relation = api.Relation.create(schema=node.schema, identifier=node.alias) -%}
        {%- set failed = run_query(failed_expectations(relation, severities)) -%}
        {%- for row in failed.rows -%}
            {%- do log(node.name ~ ': ' ~ row['message'], info=true) -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
