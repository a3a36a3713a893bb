{#-
  How staging reads raw columns. The contract says of what kind each column is (`meta.kind` in models/staging/<source>/_<source>__sources.yml):

    key         names something: what a whole number is when written plainly (read_key)
    code        the digits of something that joins nothing: telephone and identity numbers, hashes (plain_code)
    number      read_number;  whole  read_whole;  coordinate  read_coordinate
    instant     a point in time, UTC (read_instant);  day  where the business is (read_day)
    boolean     read_boolean
    text        a category;  name  what people and things are called, and free text (unwanted_text)

  A base model repeats the kinds as `columns`, {column: kind}, since unit tests have no contract, and reads a raw table in three steps:

    raw_rows     {{ raw_rows(source, columns) }}: what arrived, as text
    column_forms {{ column_forms(columns) }}: how each column is written, decided from all its values, one row
    typed        raw_rows cross join column_forms; read_<kind>(column) for each column
-#}

{#-
  Every raw column as text without surrounding blanks, null where it says that there is nothing; columns that the raw table
  does not have (`absent`) are null. Beside each, as its kind needs it, what follows from the value alone:
    <column>__type   its type in the raw table
    <column>__given  whether anything is written, be it a word for nothing
    <column>__usual  whether a number or a time is written as most are, so that no more patterns need be tried
    <column>__plain  a number without currency, groups and foreign digits (plain_amount), a time in ASCII (plain_time)
    <column>__form   what the value says of how its column is written (form_of_...), '?' where it can be read in two ways
    <column>__time, <column>__zone   a time without AM, PM and zone, and the zone
-#}
{% macro raw_rows(relation, columns, absent=[]) -%}
    {#- Patterns of some length that all columns share stand in columns of their own; Spark makes constants of them again. -#}
    {%- set classes = [] -%}
    {%- for kind in columns.values() -%} {%- do classes.append(kind if kind in ['key', 'name'] else 'text') -%} {%- endfor -%}
    with

    texts as (
    select
    {%- for kind in classes | unique %}
    '{{ unwanted_text(kind) }}' as unwanted__{{ kind }},
    {%- endfor %}
    {%- for column, kind in columns.items() %}
    {{ 'cast(null as string)' if column in absent else typed_text(column, kind) }} as {{ column }},
    {{ "'string'" if column in absent else 'typeof(' ~ column ~ ')' }} as {{ column }}__type,
    {{ 'false' if column in absent else "coalesce(trim(both ' \t\r\n\u00a0\u3000' from cast(" ~ column ~ " as string)) <> '', false)" }} as {{ column }}__given{{ ',' if not loop.last }}
    {%- endfor %}
    from {{ relation }}
    ),

    cleaned as (
    select
    {%- for column, kind in columns.items() %}
    {{ one_line(cleaned_text(column, kind, 'unwanted__' ~ (kind if kind in ['key', 'name'] else 'text'))) }} as {{ column }},
    {{ column }}__type,
    {{ column }}__given{{ ',' if not loop.last }}
    {%- endfor %}
    from texts
    ),

    plain as (
    {%- set codes = [] %}
    {%- for column, kind in columns.items() if kind == 'code' %} {%- do codes.append(column) %} {%- endfor %}
    select
    *{{ ' except (' ~ codes | join(', ') ~ ')' if codes }}
    {%- for column, kind in columns.items() %}
    {%- if kind == 'code' %},
    {{ one_line(plain_code(column)) }} as {{ column }}
    {%- elif kind == 'key' %},
    {{ one_line(form_of_key(column)) }} as {{ column }}__form
    {%- elif kind in ['number', 'whole'] %},
    {{ column }} rlike '{{ usual_number() }}' as {{ column }}__usual,
    {{ one_line(plain_amount(column)) }} as {{ column }}__plain
    {%- elif kind in ['instant', 'day'] %},
    {{ column }} rlike '{{ usual_time() }}' as {{ column }}__usual,
    {{ one_line(plain_time(column)) }} as {{ column }}__plain
    {%- endif %}
    {%- endfor %}
    from cleaned
    ),

    formed as (
    select
    *
    {%- for column, kind in columns.items() %}
    {%- if kind in ['number', 'whole'] %},
    {{ one_line(form_of_number(column, kind)) }} as {{ column }}__form
    {%- elif kind in ['instant', 'day'] %},
    {{ one_line(form_of_time(column)) }} as {{ column }}__form,
    {{ one_line(time_and_zone(column)) }} as {{ column }}__time
    {%- endif %}
    {%- endfor %}
    from plain
    )

    select
    *
    {%- for column, kind in columns.items() if kind in ['instant', 'day'] %},
    {{ one_line(zone(column)) }} as {{ column }}__zone
    {%- endfor %}
    from formed
{%- endmacro %}


{#- The text of a raw column says all that its type said: a timestamp is in UTC, in a session in UTC (profiles.yml), and 5.0 of a double is 5. -#}
{% macro typed_text(column, kind) -%}
    {%- set text = 'cast(' ~ column ~ ' as string)' -%}
    {%- if kind in ['instant', 'day'] -%} if(typeof({{ column }}) = 'timestamp', concat({{ text }}, 'Z'), {{ text }})
    {%- elif kind in ['text', 'boolean'] -%} if(typeof({{ column }}) in ('double', 'float'), regexp_replace({{ text }}, '[.]0$', ''), {{ text }})
    {%- else -%} {{ text }}
    {%- endif -%}
{%- endmacro %}


{#-
  How each column is written, from all its values, as the struct `written`: what a single value leaves open. One row; null for a column that
  leaves it open as well or contradicts itself. Expects `raw_rows`.
    key           the smallest of 'fraction' < 'plain' < 'whole' < 'with exponent': what no key contradicts (form_of_key)
    number, whole '.' or ',': the decimal sign
    instant, day  'dmy' or 'mdy': whether the day or the month comes first
    <day>__utc    whether all values of a day are midnight in UTC: the day itself is meant
-#}
{% macro column_forms(columns) -%}
    select named_struct(
        'raw_rows', count(*)
        {%- for column, kind in columns.items() %}
        {%- if kind == 'key' %},
        '{{ column }}', min({{ column }}__form)
        {%- elif can_be_ambiguous(kind) %},
        '{{ column }}', {{ agreed('nullif(' ~ column ~ "__form, '?')") }}
        {%- endif %}
        {%- if kind == 'day' %},
        '{{ column }}__utc', coalesce(every({{ is_utc_midnight(column) }}), false)
        {%- endif %}
        {%- endfor %}
    ) as written
    from raw_rows
{%- endmacro %}


{#- The value of an expression on which all rows that have one agree, or null. -#}
{% macro agreed(expression) -%}
    case when min({{ expression }}) = max({{ expression }}) then min({{ expression }}) end
{%- endmacro %}


{#-
  Which columns hold a value that can be read in two ways, and the column does not say which: a struct of booleans. Expects `raw_rows` and
  `column_forms`; for `reject_reason`.
-#}
{% macro ambiguous_columns(columns) -%}
    {%- set fields -%}
    named_struct('raw_rows', false
            {%- for column, kind in columns.items() if can_be_ambiguous(kind) %},
            '{{ column }}', coalesce({{ column }}__form = '?' and written.{{ column }} is null, false)
            {%- if kind in ['instant', 'day'] %} or {{ column }}__zone = 'ambiguous' {%- endif %}
            {%- endfor %})
    {%- endset -%}
    {{ one_line(fields) }}
{%- endmacro %}


{#- Which columns of a raw row have something written in them: a struct of booleans. Expects `raw_rows`; for `column_states`. -#}
{% macro given_columns(columns) -%}
    struct({% for column in columns %}{{ column }}__given as {{ column }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}


{#-
  What became of each column of a row, a letter each in the order of `columns`: 'r' read, 'u' unreadable, 'n' a word for nothing, 'm' missing.
  Expects the structs `raw` and `given` beside the typed columns of the same names; for `column_profile`.
-#}
{% macro column_states(columns) -%}
    concat(
    {%- for column in columns %}
            case when raw.{{ column }} is not null then if({{ column }} is null, 'u', 'r') when given.{{ column }} then 'n' else 'm' end{{ ',' if not loop.last }}
    {%- endfor %}
        )
{%- endmacro %}


{#- SQL in one line, for a view must be short; no text in quotes may hold two blanks. -#}
{% macro one_line(sql) -%}
    {{ sql.split() | join(' ') }}
{%- endmacro %}


{% macro can_be_ambiguous(kind) -%}
    {{ return(kind in ['number', 'whole', 'instant', 'day']) }}
{%- endmacro %}


{#- Some columns of a raw table read as a base model reads them, as a subquery: {column: kind}, keys and instants. -#}
{% macro read_columns(relation, columns) -%}
    (
        with

        raw_rows as (
            {{ raw_rows(relation, columns) }}
        ),

        column_forms as (
            {{ column_forms(columns) }}
        )

        select
            {%- for column, kind in columns.items() %}
            {{ read_key(column) if kind == 'key' else read_instant(column) }} as {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
        from raw_rows
        cross join column_forms
    )
{%- endmacro %}
