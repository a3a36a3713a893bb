{#-
  How well published columns single people out: k-anonymity, after Sweeney, "k-anonymity: a model for protecting privacy" (2002). A null is a value
  like another. seeds/reidentification_limits.csv says which combinations of columns are looked at.
-#}

{#- The tables that a limit may be about, by the domain whose gate judges them, and their columns that others may know of a person. -#}
{% macro reidentification_tables() -%}
    {{ return({
        'core': {'dim_customers': [
            'gender', 'age', 'age_band', 'province', 'city', 'city_tier', 'membership_level', 'membership_expires_at', 'registered_on',
        ]},
        'profile': {
            'customer_360': [
                'gender', 'age_band', 'province', 'city', 'city_tier', 'membership_level', 'registered_on', 'registration_year', 'region',
                'preferred_channel', 'preferred_device', 'first_order_date', 'last_order_date',
            ],
            'customer_tags': ['tag'],
        },
    }) }}
{%- endmacro %}


{#- Those of some columns of a model that are published. -#}
{% macro published_ones(table, columns) -%}
    {%- set node = graph.get('nodes', {}).get('model.' ~ project_name ~ '.' ~ table, {}) -%}
    {%- set shown = [] -%}
    {%- for column in columns if node.get('columns', {}).get(column, {}).get('config', {}).get('meta', {}).get('published', true) -%}
        {%- do shown.append(column) -%}
    {%- endfor -%}
    {{ return(shown) }}
{%- endmacro %}


{% macro text_array(names) -%}
    {%- if names -%} array('{{ names | join("', '") }}') {%- else -%} cast(array() as array<string>) {%- endif -%}
{%- endmacro %}


{#-
  A model int_<domain>_reidentification: one row per limit of the domain's tables. A limit on a table of no domain is in the first
  domain, as one that is not valid. A column that is not published tells nobody anything: its combinations are not measured.
-#}
{% macro reidentification(domain) -%}
{%- set domains = reidentification_tables() -%}
{%- set tables = domains[domain] -%}
with

limits as (
    select * from {{ ref('reidentification_limits') }}
    {%- if domain == domains | first %}
    where table_name not in ('{{ domains.values() | map("list") | sum(start=[]) | reject("in", tables) | join("', '") }}')
    {%- else %}
    where table_name in ('{{ tables | join("', '") }}')
    {%- endif %}
),

listed as (
    {% for table, columns in tables.items() -%}
    select
        '{{ table }}' as table_name,
        {{ text_array(columns) }} as known_columns,
        {{ text_array(published_ones(table, columns)) }} as published_columns
    {{ 'union all' if not loop.last }}
    {% endfor -%}
),

combinations as (
    select
        limits.*,
        split(limits.combination, '[+]') as names,
        coalesce(
            size(array_except(split(limits.combination, '[+]'), listed.known_columns)) = 0
            and limits.k >= 2
            and limits.max_share between 0 and 1
            and limits.severity in ('critical', 'warning', 'info'),
            false
        ) as is_valid,
        coalesce(size(array_except(split(limits.combination, '[+]'), listed.published_columns)) = 0, false) as is_published
    from limits
    left join listed on limits.table_name = listed.table_name
),

people as (
    {% for table, columns in tables.items() -%}
    select
        '{{ table }}' as table_name,
        map({% for column in columns %}'{{ column }}', cast({{ column }} as string){{ ', ' if not loop.last }}{% endfor %}) as attributes
    from {{ ref(table) }}
    {{ 'union all' if not loop.last }}
    {% endfor -%}
),

placed as (
    select
        combinations.table_name,
        combinations.combination,
        combinations.k,
        transform(combinations.names, name -> try_element_at(people.attributes, name)) as cell
    from people
    inner join combinations on people.table_name = combinations.table_name
    where combinations.is_valid and combinations.is_published
),

cells as (
    select table_name, combination, k, cell, count(*) as people from placed group by table_name, combination, k, cell
),

measures as (
    select
        table_name,
        combination,
        k,
        sum(people) as people,
        count(*) as cells,
        min(people) as smallest_cell,
        sum(if(people = 1, 1, 0)) as unique_people,
        sum(if(people < k, people, 0)) as people_below_k
    from cells
    group by table_name, combination, k
),

shares as (
    select
        combinations.*,
        coalesce(measures.people, 0) as people,
        coalesce(measures.cells, 0) as cells,
        measures.smallest_cell,
        coalesce(measures.unique_people, 0) as unique_people,
        coalesce(measures.people_below_k, 0) as people_below_k,
        try_divide(cast(measures.people_below_k as double), cast(measures.people as double)) as share_below_k
    from combinations
    left join measures
        on combinations.table_name = measures.table_name
        and combinations.combination = measures.combination
        and combinations.k = measures.k
)

select
    table_name,
    combination,
    k,
    people,
    cells,
    smallest_cell,
    unique_people,
    people_below_k,
    share_below_k,
    max_share,
    severity,
    reason,
    is_published,
    is_valid,
    coalesce(severity = 'critical' and share_below_k > max_share, false) as is_over_limit,
    coalesce(severity = 'warning' and share_below_k > max_share, false) as is_over_warning,
    is_valid and coalesce(share_below_k <= max_share, true) as passes
from shares
{%- endmacro %}
