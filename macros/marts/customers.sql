{#- The newest decision on a channel, where 'any' covers them all; of two at the same instant the refusal counts. -#}
{% macro newest_consent(channel) -%}
    max_by(granted, struct(recorded_at, not granted)) filter (where channel in ('{{ channel }}', 'any'))
{%- endmacro %}


{% macro age_band(age) -%}
    case
        when {{ age }} < 18 then 'under 18'
        when {{ age }} < 25 then '18-24'
        when {{ age }} < 35 then '25-34'
        when {{ age }} < 45 then '35-44'
        when {{ age }} < 55 then '45-54'
        when {{ age }} < 65 then '55-64'
        when {{ age }} >= 65 then '65+'
    end
{%- endmacro %}


{#-
  Score 1 to 5 by fifths, 5 for the end of `order_by` that sorts last. Customers who are equal get equal scores, so
  fifths may differ in size; where all are equal the score is 1.
-#}
{% macro quintile_score(order_by) -%}
    cast(least(5, floor(percent_rank() over (order by {{ order_by }}) * 5) + 1) as int)
{%- endmacro %}


{#-
  Weight of a tag for a customer: TF x IDF with TF = occurrences / records of the customer and
  IDF = ln(all records / (records with the tag + 1)).
-#}
{% macro tf(occurrences, customer_records) -%}
    cast({{ occurrences }} as double) / {{ customer_records }}
{%- endmacro %}


{% macro idf(all_records, tag_records) -%}
    ln(cast({{ all_records }} as double) / ({{ tag_records }} + 1))
{%- endmacro %}
