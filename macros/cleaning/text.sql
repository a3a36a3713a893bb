{#- Text without surrounding blanks; empty text and the usual words for "nothing" become null. -#}
{% macro clean_text(column) -%}
    case
        when lower({{ trimmed(column) }}) not in ('', 'n/a', 'null', 'none', 'nan') then {{ trimmed(column) }}
    end
{%- endmacro %}


{% macro trimmed(column) -%}
    trim(both ' \t\r\n\u00a0\u3000' from cast({{ column }} as string))
{%- endmacro %}


{#-
  One spelling per category: the seed `spellings` says what a spelling stands for. Without an entry the text
  itself is kept in lower case, or becomes null with `known_only`.
-#}
{% macro standard_spelling(column, field, known_only=false) -%}
    {%- set known -%}
    (
            select map_from_entries(collect_list(struct(spelling, standard)))
            from {{ ref('spellings') }}
            where field = '{{ field }}'
        )[lower({{ column }})]
    {%- endset -%}
    {{ known if known_only else 'coalesce(' ~ known ~ ', lower(' ~ column ~ '))' }}
{%- endmacro %}


{% macro parse_boolean(column) -%}
    {{ standard_spelling(column, 'boolean', known_only=true) }} = 'true'
{%- endmacro %}
