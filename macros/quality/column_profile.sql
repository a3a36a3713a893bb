{#-
  What the text of a source's raw columns is worth: one row per raw table and column. `tables` says of each table of what kind its columns
  are (macros/cleaning/columns.sql), in the order of its base model, and 'gender' where only known spellings are read.
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


{#- One row with an array of counts per column, from what the base model wrote down of each row (column_states). -#}
{% macro column_counts(source_name, table_name, columns) -%}
    select
        '{{ table_name }}' as table_name,
        array(
            {%- for column, kind in columns.items() %}
            {%- set state = 'substring(_column_states, ' ~ loop.index ~ ', 1)' %}
            struct(
                '{{ column }}' as column_name,
                '{{ kind }}' as read_as,
                count(*) as row_count,
                count_if({{ state }} = 'm') as missing_rows,
                count_if({{ state }} = 'n') as nothing_rows,
                count_if({{ state }} = 'u') as unreadable_rows
            ){{ ',' if not loop.last }}
            {%- endfor %}
        ) as profiles
    from {{ ref('base_' ~ source_name ~ '__' ~ table_name.removeprefix(source_name ~ '_')) }}
{%- endmacro %}
