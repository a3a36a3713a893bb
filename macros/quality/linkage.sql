{#-
  How the rows of staged relations link to the lists that their keys are of. A model stg_<source>__linkage has a CTE for each list
  (`known_customers` or `known_keys`), the CTE `links` with a `link` for each key, and ends with `judged_links`.
-#}

{#- One row per key that a raw table lists: known_<key>. From the raw table, so that sources do not wait for each other. -#}
{% macro known_keys(source_name, table_name, key) -%}
    select distinct {{ key }} as known_{{ key }}
    from {{ read_columns(source(source_name, table_name), {key: 'key'}) }} as listed
{%- endmacro %}


{#- One row with counts: rows and keys of a staged relation, and which of them the list, a CTE with known_<key>, has. -#}
{% macro link(relation, key, known) -%}
    select
        '{{ relation }}' as relation,
        '{{ key }}' as key_name,
        coalesce(sum(key_rows), 0) as row_count,
        coalesce(sum(key_rows) filter (where {{ key }} is not null), 0) as keyed_rows,
        coalesce(sum(key_rows) filter (where is_unknown_key), 0) as unknown_rows,
        coalesce(max(key_rows) filter (where {{ key }} is not null), 0) as largest_key_rows,
        count({{ key }}) as named_keys,
        count(known_{{ key }}) as found_keys,
        (select count(known_{{ key }}) from {{ known }}) as listed_keys
    from (
        select
            *,
            {{ is_unknown(key, known) }} as is_unknown_key
        from (select {{ key }}, count(*) as key_rows from {{ ref(relation) }} group by {{ key }}) as named
        left join {{ known }} on named.{{ key }} = {{ known }}.known_{{ key }}
    ) as found
{%- endmacro %}


{#-
  The end of a linkage model: shares of `links`, their limits, and what breaks one. Few rows say little: a share is judged from
  100 rows with a key on, that nothing matches from 10 different keys on, and that one key has too many rows from 100 on. A
  build of the past (var('as_of_date')) judges nothing, since its CRM lacks who was entered or changed later.
-#}
{% macro judged_links(links) -%}
limits as (
    select * from {{ ref('linkage_limits') }}
    {%- if var('as_of_date') %}
    where false
    {%- endif %}
),

shares as (
    select
        {{ links }}.*,
        if(listed_keys > 0, try_divide(cast(unknown_rows as double), cast(keyed_rows as double)), null) as unknown_share,
        try_divide(cast(largest_key_rows as double), cast(keyed_rows as double)) as largest_key_share,
        limits.max_unknown_share,
        {{ 'limits.max_rise' if var('compare_links') else 'cast(null as double)' }} as max_rise,
        limits.max_largest_key_share
    from {{ links }}
    left join limits on {{ links }}.relation = limits.relation and {{ links }}.key_name = limits.key_name
)

select
    relation,
    key_name,
    row_count,
    keyed_rows,
    unknown_rows,
    unknown_share,
    named_keys,
    found_keys,
    listed_keys,
    largest_key_share,
    max_unknown_share,
    max_rise,
    max_largest_key_share,
    keyed_rows >= 100 as is_compared,
    coalesce(keyed_rows >= 100 and unknown_share > max_unknown_share, false) as is_over_limit,
    coalesce(named_keys >= 10 and listed_keys > 0 and found_keys = 0 and max_unknown_share < 1, false) as is_unmatched,
    coalesce(named_keys >= 100 and largest_key_share > max_largest_key_share, false) as is_dominated
from shares
{%- endmacro %}
