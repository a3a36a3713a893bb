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
  Of an RFM `variable`: <variable>_cuts, the values at which its score rises by one, and <variable>_average, the mean score. The
  score rises at the cut points of var('rfm_cut_points')[variable], if there are any, else with each fifth of the customers. Who
  is equal is in the same fifth, so fifths may differ in size; a cut is null where nobody is that far.
  Expects rows of `running_sums` with variable, value and customers.
-#}
{% macro rfm_cuts(variable, fewer_is_better=false) -%}
    {%- set all_cut_points = var('rfm_cut_points') -%}
    {%- set cut_points = all_cut_points[variable] if all_cut_points is mapping else none -%}
    {%- set behind = 'customers_in_all - customers_before - customers' if fewer_is_better else 'customers_before' -%}
    {%- set reached = [] -%}
    {%- for fifth in range(1, 5) -%}
        {%- do reached.append(
            'value ' ~ ('<= ' if fewer_is_better else '>= ') ~ cut_points[fifth - 1] if cut_points
            else '5 * (' ~ behind ~ ') >= ' ~ fifth ~ ' * greatest(customers_in_all - 1, 1)'
        ) -%}
    {%- endfor -%}
    array(
        {%- for condition in reached %}
            {{ 'max' if fewer_is_better else 'min' }}(value) filter (where variable = '{{ variable }}' and {{ condition }}){{ ',' if not loop.last }}
        {%- endfor %}
        ) as {{ variable }}_cuts,
        cast(sum(customers * (1 + int({{ reached | join(') + int(') }}))) filter (where variable = '{{ variable }}') as double)
        / sum(customers) filter (where variable = '{{ variable }}') as {{ variable }}_average
{%- endmacro %}


{#- RFM score of a `variable`, 1 to 5: one more than the cuts of `rfm_cuts` reached, from below or, with `fewer_is_better`, from above. -#}
{% macro rfm_score(variable, fewer_is_better=false) -%}
    1 + size(filter({{ variable }}_cuts, cut -> {{ variable }} {{ '<=' if fewer_is_better else '>=' }} cut))
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
