{#- 138****5678. Of a number with fewer than eleven digits only the last two are shown. -#}
{% macro mask_phone(column) -%}
    {%- set digits -%} regexp_replace(regexp_replace({{ column }}, '^[+]86|^0086', ''), '[^0-9]', '') {%- endset -%}
    case
        when length({{ digits }}) >= 11 then concat(left({{ digits }}, 3), '****', right({{ digits }}, 4))
        when length({{ digits }}) >= 7 then concat('****', right({{ digits }}, 2))
        when {{ column }} is not null then '****'
    end
{%- endmacro %}


{#- a***@example.com; '***' where the text is not an e-mail address. -#}
{% macro mask_email(column) -%}
    case
        when {{ column }} rlike '^[^@ ]+@[^@ ]+[.][^@ ]+$'
            then concat(left({{ column }}, 1), '***@', lower(substring_index({{ column }}, '@', -1)))
        when {{ column }} is not null then '***'
    end
{%- endmacro %}


{#- 张** or J***: the first character, whatever the length of the rest. -#}
{% macro mask_name(column) -%}
    case
        when {{ column }} rlike '^[\u3400-\u9fff]' then concat(left({{ column }}, 1), '**')
        else concat(left({{ column }}, 1), '***')
    end
{%- endmacro %}


{#- 110***********1234: the first three and the last four characters; none of a text shorter than fifteen. -#}
{% macro mask_id_number(column) -%}
    case
        when length({{ column }}) >= 15
            then concat(left({{ column }}, 3), repeat('*', length({{ column }}) - 7), right({{ column }}, 4))
        when {{ column }} is not null then '***'
    end
{%- endmacro %}


{#- A coordinate, as `read_coordinate` reads it, to two decimals: about a kilometre. -#}
{% macro generalise_coordinate(column) -%}
    {%- set degrees = read_coordinate(column) -%}
    case when abs({{ degrees }}) <= 180 then round({{ degrees }}, 2) end
{%- endmacro %}


{#- The year of a date in any format, as text. -#}
{% macro generalise_date(column) -%}
    nullif(regexp_extract({{ column }}, '[12][0-9]{3}', 0), '')
{%- endmacro %}
