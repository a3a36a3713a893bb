{#- A value, such as that of a variable, as a text of Spark's SQL: no apostrophe or backslash in it ends the text. -#}
{% macro text_literal(value) -%}
    '{{ value | string | replace("\\", "\\\\") | replace("'", "\\'") }}'
{%- endmacro %}
