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
  RFM score of a `variable`: by fifths of the customers, or by the four cut points of var('rfm_cut_points')[variable] if there
  are any. A score rises with each cut point reached; with `fewer_is_better` it falls with each one exceeded.
-#}
{% macro rfm_score(variable, fewer_is_better=false) -%}
    {%- set all_cut_points = var('rfm_cut_points', none) -%}
    {%- set cut_points = all_cut_points[variable] if all_cut_points is mapping else none -%}
    {%- if not cut_points -%}
        {{ quintile_score(variable ~ (' desc' if fewer_is_better else '')) }}
    {%- elif cut_points | length != 4 or cut_points | sort | unique | list != cut_points -%}
        {{ exceptions.raise_compiler_error('rfm_cut_points: ' ~ variable ~ ' needs four rising numbers, not ' ~ cut_points) }}
    {%- elif fewer_is_better -%}
        5{% for point in cut_points %} - int({{ variable }} > {{ point }}){% endfor %}
    {%- else -%}
        1{% for point in cut_points %} + int({{ variable }} >= {{ point }}){% endfor %}
    {%- endif -%}
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


{#- The values of `column` in the rows of a group whose `position` is at most `length`, in that order; the rest of the rows lack it. -#}
{% macro ranked_list(column, length) -%}
    transform(
        array_sort(collect_list(struct(position, {{ column }})) filter (where position <= {{ length }} and {{ column }} is not null)),
        ranked -> ranked.{{ column }}
    )
{%- endmacro %}


{% macro preferred(preference, data_type='string') -%}
    cast(max(case when preference = '{{ preference }}' then choice end) as {{ data_type }})
{%- endmacro %}
