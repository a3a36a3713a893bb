{#- The attributes of `customer_360` in the order of its columns; those made of one kind of `facts` alone, if it is given. -#}
{% macro catalogue(facts=none) -%}
    {%- if execute -%} {#- Neither dbt's parser nor sqlfluff needs them. -#}
        {%- set attributes = tag_catalogue() -%}
        {%- do return(attributes | selectattr('facts', 'equalto', facts) | list if facts else attributes) -%}
    {%- endif -%}
{%- endmacro %}


{#-
  The attributes made of `facts`, as the rest of a select list. A window of n days is (as of - n, as of], which is
  `days_ago < n`; rows after the as-of date have to be left out before.
-#}
{% macro catalogued_columns(facts) -%}
    {%- for attribute in catalogue(facts) %},
    cast({{ measured(attribute) }} as {{ attribute.data_type }}) as {{ attribute.attribute }}
    {%- endfor %}
{%- endmacro %}


{% macro measured(attribute) -%}
    {%- set conditions = [] -%}
    {%- if attribute.window_days %}{% do conditions.append('days_ago < ' ~ attribute.window_days) %}{% endif -%}
    {%- if attribute.breakdown %}{% do conditions.append('(' ~ attribute.breakdown ~ ')') %}{% endif -%}
    {%- set filter = ' filter (where ' ~ conditions | join(' and ') ~ ')' if conditions else '' -%}
    {%- if attribute.measure.startswith('count(distinct ') -%}
        {#- Spark would copy each row once for every distinct count of the query; a customer's set is small. -#}
        size(collect_set({{ attribute.measure[15:] }}{{ filter }})
    {%- else -%}
        {{ attribute.measure }}{{ filter }}
    {%- endif -%}
{%- endmacro %}


{#- The part of the day where the business is, for facts that carry an instant. -#}
{% macro business_hour(timestamp) -%}
    hour(from_utc_timestamp({{ timestamp }}, {{ text_literal(var("business_timezone")) }}))
{%- endmacro %}


{#- 1 for Monday to 7 for Sunday. -#}
{% macro iso_weekday(date) -%}
    weekday({{ date }}) + 1
{%- endmacro %}
