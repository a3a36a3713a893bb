{#-
  What the text of a source's raw columns is worth: one row per raw table and column. `tables` says of each table of what kind its columns
  are (macros/cleaning/columns.sql), and 'gender' where only known spellings are read. Counts leave the raw table, no values.
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


{#- One row with an array of counts per column. A word for nothing is what `raw_rows` makes null although something is written. -#}
{% macro column_counts(source_name, table_name, columns) -%}
    {%- set raw_table = raw_table_or_empty(source_name, table_name) -%}
    {#- An optional table that is not there has all columns. -#}
    {%- set optional = ['description', 'propensity', 'currency'] | select('in', columns) | list if raw_table is not string else [] -%}
    {%- set absent = absent_columns(source(source_name, table_name), optional) if optional else [] -%}
    select
        '{{ table_name }}' as table_name,
        array(
            {%- for column, kind in columns.items() %}
            struct(
                '{{ column }}' as column_name,
                '{{ kind }}' as read_as,
                count(*) as row_count,
                count(*) - coalesce(max(written.{{ column }}), 0) as missing_rows,
                coalesce(max(written.{{ column }}), 0) - count(read.{{ column }}) as nothing_rows,
                {{ 'count_if(is_unreadable_' ~ column ~ ')' if reading(kind, column) else 'cast(0 as bigint)' }} as unreadable_rows
            ){{ ',' if not loop.last }}
            {%- endfor %}
        ) as profiles
    from (
        with

        raw_rows as (
            {{ raw_rows(raw_table, columns, absent) }}
        ),

        column_forms as (
            {{ column_forms(columns) }}
        )

        select
            *
            {%- for column, kind in columns.items() if reading(kind, column) %},
            {{ column }} is not null and {{ reading(kind, column) }} is null as is_unreadable_{{ column }}
            {%- endfor %}
        from raw_rows
        cross join column_forms
    ) as read
    cross join (
        select
            {%- for column in columns %}
            {{ '0' if column in absent else "count_if(trim(both ' \t\r\n\u00a0\u3000' from cast(" ~ column ~ " as string)) <> '')" }} as {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ raw_table }}
    ) as written
{%- endmacro %}


{#- What staging reads a column as, the same macros as in the `base_` models; none for what is kept as it is. -#}
{% macro reading(kind, column) -%}
    {%- if kind == 'key' -%} {{ return(read_key(column)) }}
    {%- elif kind == 'instant' -%} {{ return(read_instant(column)) }}
    {%- elif kind == 'day' -%} {{ return(read_day(column)) }}
    {%- elif kind == 'number' -%} {{ return(read_number(column)) }}
    {%- elif kind == 'whole' -%} {{ return(read_whole(column)) }}
    {%- elif kind == 'coordinate' -%} {{ return(read_coordinate(column)) }}
    {%- elif kind == 'boolean' -%} {{ return(read_boolean(column)) }}
    {%- elif kind == 'gender' -%} {{ return(standard_spelling(column, 'gender', known_only=true)) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}
