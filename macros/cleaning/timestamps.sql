{#-
  The instant a text stands for, in UTC, or null. Understood are ISO dates and times with or without a zone,
  with '-', '/', 年月日 or nothing between year, month and day, DD.MM.YYYY, and seconds or milliseconds since 1970.
  A text without a zone is taken as local time of var('business_timezone'). Needs a session in UTC, as in profiles.yml.
-#}
{% macro parse_timestamp(column) -%}
    {%- set iso -%}
    regexp_replace(regexp_replace(regexp_replace(
            translate({{ column }}, '/年月日', '---'),
            '^([0-9]{1,2})[.]([0-9]{1,2})[.]([0-9]{4})', '$3-$2-$1'),
            '^([0-9]{4})([0-9]{2})([0-9]{2})($|[ T])', '$1-$2-$3$4'),
            '(:[0-9.]+ ?[+-][0-9]{2})([0-9]{2})$', '$1:$2')
    {%- endset -%}
    case
        -- The usual form first: it needs no rewriting.
        when {{ column }} rlike '^[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9:.]+)?$'
            then to_utc_timestamp(try_cast({{ column }} as timestamp), '{{ var("business_timezone") }}')
        when {{ column }} rlike '^[0-9]{10}$' then timestamp_seconds(try_cast({{ column }} as bigint))
        when {{ column }} rlike '^[0-9]{13}$' then timestamp_millis(try_cast({{ column }} as bigint))
        when {{ iso }} not rlike '^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}($|[ T])' then null
        when {{ iso }} rlike '(Z|[+-][0-9]{2}:[0-9]{2})$' then try_cast({{ iso }} as timestamp)
        else to_utc_timestamp(try_cast({{ iso }} as timestamp), '{{ var("business_timezone") }}')
    end
{%- endmacro %}


{#-
  Whether an instant or a day can have happened: not before `earliest`, by default var('earliest_date'), and not in the
  future. One day of grace, as clocks differ and the business may be ahead of UTC; none after var('as_of_date'), where that is
  set.
-#}
{% macro is_past(column, earliest=var('earliest_date')) -%}
    {{ column }} >= date '{{ earliest }}' and {{ column }} < date_add(current_date(), 2)
    {%- if var('as_of_date') %} and not {{ is_later(column) }} {%- endif %}
{%- endmacro %}


{#- Whether an instant (`.._at`) or a day (`.._date`) comes after var('as_of_date'), which must be set. -#}
{% macro is_later(column) -%}
    {%- set after = "date_add(date '" ~ var('as_of_date') ~ "', 1)" -%}
    {%- if not column.endswith('_date') -%}
        {%- set after = "to_utc_timestamp(" ~ after ~ ", '" ~ var('business_timezone') ~ "')" -%}
    {%- endif -%}
    {{ column }} >= {{ after }}
{%- endmacro %}


{#- An instant or a day, null where it cannot have happened. -#}
{% macro if_past(column, earliest=var('earliest_date')) -%}
    case when {{ is_past(column, earliest) }} then {{ column }} end
{%- endmacro %}


{#- The same for what may lie ahead, such as the end of a membership: null from the year 2100. -#}
{% macro if_planned(column) -%}
    case when {{ column }} >= date '{{ var("earliest_date") }}' and {{ column }} < date '2100-01-01' then {{ column }} end
{%- endmacro %}


{#- The calendar day of an instant where the business is. -#}
{% macro business_date(timestamp) -%}
    to_date(from_utc_timestamp({{ timestamp }}, '{{ var("business_timezone") }}'))
{%- endmacro %}
