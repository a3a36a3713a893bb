{#- One row per row of a table that the champion of a training model keeps as JSON (`tables`), as columns of `fields`. -#}
{% macro champion_table(runs, name, fields, algorithm=none) -%}
    select
    {%- for field in fields.split(', ') %}
        entry.`{{ field.split(':')[0] }}` as `{{ field.split(':')[0] }}`{{ ',' if not loop.last }}
    {%- endfor %}
    from (
        select explode(from_json(get_json_object(tables, '$.{{ name }}'), 'array<struct<{{ fields }}>>')) as entry
        from {{ runs }}
        where {{ "algorithm = '" ~ algorithm ~ "'" if algorithm else 'is_champion' }}
    ) as entries
{%- endmacro %}


{#- All rows of the training models. -#}
{% macro union_of_runs(columns) -%}
    {%- set models = [
        ref('ml_click_model'), ref('ml_purchase_model'), ref('ml_gender_model'), ref('ml_churn_model'),
        ref('ml_value_model'), ref('ml_demand_model'), ref('ml_recommendation_model'),
        ref('ml_uplift_model'), ref('ml_overdue_model'),
    ] -%}
    {%- for model in models %}
    select {{ columns }} from {{ model }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
