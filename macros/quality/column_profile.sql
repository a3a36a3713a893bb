{#-
  What the text of a source's raw columns is worth: one row per raw table and column. `tables` says of each table which columns
  are read as what (`reading`), 'text' for those that are kept as they are. Each raw table is read once; counts leave it, no values.
-#}
{% macro column_profile(source_name, tables) -%}
with

counted as (
    {%- for table_name, columns in tables.items() %}
    {{ column_counts(source_name, table_name, columns) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

profiles as (
    select
        counted.table_name,
        profile.column_name,
        profile.read_as,
        profile.row_count,
        profile.missing_rows,
        profile.nothing_rows,
        profile.row_count - profile.missing_rows - profile.nothing_rows as text_rows,
        profile.unreadable_rows
    from counted
    lateral view explode(counted.profiles) as profile
),

limits as (
    select * from {{ ref('column_limits') }}
),

-- The row of all columns, '*', holds where a column has none of its own.
limited as (
    select
        profiles.*,
        try_divide(cast(nothing_rows as double), cast(row_count as double)) as nothing_share,
        try_divide(cast(text_rows - unreadable_rows as double), cast(text_rows as double)) as readable_share,
        coalesce(own.max_nothing_share, usual.max_nothing_share) as max_nothing_share,
        coalesce(own.min_readable_share, usual.min_readable_share) as min_readable_share
    from profiles
    left join limits as own
        on profiles.table_name = own.table_name and profiles.column_name = own.column_name
    left join limits as usual on usual.table_name = '*' and usual.column_name = '*'
)

select
    table_name,
    column_name,
    read_as,
    row_count,
    missing_rows,
    nothing_rows,
    text_rows,
    unreadable_rows,
    nothing_share,
    readable_share,
    max_nothing_share,
    min_readable_share,
    -- Few rows say little. One in a hundred may be readable by chance, in a form that nobody meant.
    coalesce(text_rows >= 20 and readable_share <= 0.01 and min_readable_share > 0, false) as is_unreadable,
    coalesce(text_rows >= 20 and readable_share > 0.01 and readable_share < min_readable_share, false) as is_poorly_readable,
    coalesce(row_count >= 20 and nothing_share > max_nothing_share, false) as is_mostly_nothing
from limited
{%- endmacro %}


{#- One row with an array of counts per column. A word for nothing is what `clean_text` makes null although something is written. -#}
{% macro column_counts(source_name, table_name, columns) -%}
    {%- set names = columns.values() | sum(start=[]) -%}
    {%- set optional = {'shop_order_items': ['description'], 'ads_impressions': ['propensity']}.get(table_name) -%}
    {%- set absent = absent_columns(source(source_name, table_name), optional) if optional else [] -%}
    select
        '{{ table_name }}' as table_name,
        array(
            {%- for kind, kind_columns in columns.items() %}
            {%- set outer = loop %}
            {%- for column in kind_columns %}
            struct(
                '{{ column }}' as column_name,
                '{{ kind }}' as read_as,
                count(*) as row_count,
                count_if(coalesce(written.{{ column }}, '') = '') as missing_rows,
                count_if(coalesce(written.{{ column }}, '') <> '' and {{ column }} is null) as nothing_rows,
                {{ 'count_if(is_unreadable_' ~ column ~ ')' if kind != 'text' else 'cast(0 as bigint)' }} as unreadable_rows
            ){{ ',' if not (outer.last and loop.last) }}
            {%- endfor %}
            {%- endfor %}
        ) as profiles
    from (
        select
            *
            {%- for kind, kind_columns in columns.items() if kind != 'text' %}
            {%- for column in kind_columns %},
            {{ column }} is not null and {{ reading(kind, column) }} is null as is_unreadable_{{ column }}
            {%- endfor %}
            {%- endfor %}
        from (
            select
                struct(
                    {%- for column in names %}
                    {{ 'cast(null as string)' if column in absent else trimmed(column) }} as {{ column }}{{ ',' if not loop.last }}
                    {%- endfor %}
                ) as written,
                {{ text_columns(names, absent) }}
            from {{ raw_table_or_empty(source_name, table_name) }}
        ) as cleaned
    ) as read
{%- endmacro %}


{#- What staging reads a text as, or null: the same macros as in the `base_` models. -#}
{% macro reading(kind, column) -%}
    {%- if kind == 'instant' -%} {{ return(parse_timestamp(column)) }}
    {%- elif kind == 'number' -%} {{ return(parse_number(column)) }}
    {%- elif kind == 'boolean' -%} {{ return(parse_boolean(column)) }}
    {%- elif kind == 'gender' -%} {{ return(standard_spelling(column, 'gender', known_only=true)) }}
    {%- endif -%}
    {{ exceptions.raise_compiler_error('No column is read as ' ~ kind ~ '.') }}
{%- endmacro %}
