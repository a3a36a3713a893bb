{#- How many steps of a funnel are reached: a step counts only where all steps before it are reached too. -#}
{% macro funnel_depth(steps) -%}
    case
        {%- for step in steps %}
        when not {{ step }} then {{ loop.index0 }}
        {%- endfor %}
        else {{ steps | length }}
    end
{%- endmacro %}
