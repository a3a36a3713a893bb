{#- For on-run-end: one line per failed expectation of each gate whose gate_passed test did not pass in this run.
    results: dbt's run results. -#}
{% macro report_gates(results) %}
    {%- for result in results if result.status in ['fail', 'warn'] -%}
        {%- set test = result.node.test_metadata -%}
        {%- if test and test.name == 'gate_passed' -%}
            {%- set gate = graph.nodes[result.node.attached_node] -%}
            {%- set relation = api.Relation.create(schema=gate.schema, identifier=gate.alias) -%}
            {%- for row in run_query(failed_expectations(relation)).rows -%}
                {%- do log(gate.name ~ ': ' ~ row['message'], info=true) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
