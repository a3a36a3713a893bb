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


{#- A value, null unless it is between two bounds. -#}
{% macro if_between(value, lowest, highest) -%}
    case when {{ value }} between {{ lowest }} and {{ highest }} then {{ value }} end
{%- endmacro %}


{#-
  The quartiles of columns as <column>_low and <column>_high. Where both are equal (three quarters of all lines have the
  quantity 1, say) the 1st and the 99th percentile take their place. Exact percentiles: approximate ones may differ from
  one run or engine to the next.
-#}
{% macro fences(columns) -%}
    {%- for column in columns %}
        {%- set q1, q3 = 'percentile(' ~ column ~ ', 0.25)', 'percentile(' ~ column ~ ', 0.75)' %}
        if({{ q1 }} < {{ q3 }}, {{ q1 }}, percentile({{ column }}, 0.01)) as {{ column }}_low,
        if({{ q1 }} < {{ q3 }}, {{ q3 }}, percentile({{ column }}, 0.99)) as {{ column }}_high{{ ',' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{#-
  Whether a value lies outside Tukey's fences, 1.5 times the distance of `fences` away from them, on the plain scale and on
  a logarithmic one (asinh, which takes zero and negative numbers too). On the plain scale alone a tenth of all prices
  can be outliers, as amounts have long tails; on the other alone an empty shelf is one. Expects the columns of `fences`.
-#}
{% macro is_outlier(column) -%}
    {%- set low, high = column ~ '_low', column ~ '_high' -%}
    coalesce(
        {{ is_outside(column, low, high) }}
        and {{ is_outside('asinh(' ~ column ~ ')', 'asinh(' ~ low ~ ')', 'asinh(' ~ high ~ ')') }},
        false
    )
{%- endmacro %}


{% macro is_outside(value, low, high) -%}
    {{ value }} not between {{ low }} - 1.5 * ({{ high }} - {{ low }}) and {{ high }} + 1.5 * ({{ high }} - {{ low }})
{%- endmacro %}


{#- Whether a missing value was filled: one that nothing could fill was not. -#}
{% macro is_filled(given, filler) -%}
    {{ given }} is null and {{ filler }} is not null
{%- endmacro %}
