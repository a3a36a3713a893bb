{# A view, so that it shows the run whose critical failures made dbt skip it. #}
{{ config(materialized='view') }}

{%- set sources = ['crm', 'shop', 'app', 'ads'] -%}

with

links as (
    {% for source_name in sources %}
    select
        '{{ source_name }}' as source_name,
        *
    from {{ ref('stg_' ~ source_name ~ '__linkage') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

results as (
    select * from {{ ref('expectation_results') }}
    where expectation = 'expect_column_rise_to_be_at_most_column'
),

-- What the newest run of each gate compared with.
comparisons as (
    select
        relation,
        from_json(max_by(observed_value, run_at), 'before map<string, double>, risen array<string>') as found
    from results
    group by relation
),

compared as (
    select
        links.*,
        try_element_at(comparisons.found.before, concat_ws(' / ', links.relation, links.key_name)) as last_unknown_share,
        coalesce(array_contains(comparisons.found.risen, concat_ws(' / ', links.relation, links.key_name)), false) as is_risen
    from links
    left join comparisons on comparisons.relation = concat('stg_', links.source_name, '__linkage')
)

select
    source_name,
    relation,
    key_name,
    row_count,
    keyed_rows,
    unknown_rows,
    unknown_share,
    last_unknown_share,
    max_unknown_share,
    max_rise,
    named_keys,
    found_keys,
    listed_keys,
    largest_key_share,
    max_largest_key_share,
    not (is_over_limit or is_unmatched or is_dominated or is_risen) as passes
from compared
