{#-
  The number a text stands for, as decimal(18,4) by default, or null. Currency signs and blanks are ignored. Of ','
  and '.' the last one is the decimal sign; a lone ',' is one too, unless groups of three digits follow ('1,234').
-#}
{% macro parse_number(column, type='decimal(18,4)') -%}
    {%- set digits -%} regexp_replace({{ column }}, '[ \u00a0¥￥$€£]', '') {%- endset -%}
    coalesce(
        try_cast({{ column }} as {{ type }}),
        try_cast(case
            when {{ digits }} rlike '^[+-]?[0-9]{1,3}(,[0-9]{3})+([.][0-9]*)?$' then replace({{ digits }}, ',', '')
            when {{ digits }} rlike '^[+-]?[0-9]{1,3}([.][0-9]{3})+,[0-9]*$' then replace(replace({{ digits }}, '.', ''), ',', '.')
            when {{ digits }} rlike '^[+-]?[0-9]*,[0-9]+$' then replace({{ digits }}, ',', '.')
            else {{ digits }}
        end as {{ type }})
    )
{%- endmacro %}


{#- Whether a value lies more than 1.5 interquartile ranges outside the quartiles (Tukey's fences). -#}
{% macro is_outlier(value, first_quartile, third_quartile) -%}
    coalesce(
        {{ value }} < {{ first_quartile }} - 1.5 * ({{ third_quartile }} - {{ first_quartile }})
        or {{ value }} > {{ third_quartile }} + 1.5 * ({{ third_quartile }} - {{ first_quartile }}),
        false
    )
{%- endmacro %}
