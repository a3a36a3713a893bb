{#- How a column with personal data is shown, by its name; null: not at all. -#}
{% macro shown_as(column) -%}
    {{ return({
        'name': mask_name('raw.name'),
        'phone': mask_phone('raw.phone'),
        'email': mask_email('raw.email'),
        'id_number': mask_id_number('raw.id_number'),
        'birth_date': generalise_date('raw.birth_date'),
        'address': 'null',
        'phone_hash': 'null',
        'latitude': generalise_coordinate('raw.latitude'),
        'longitude': generalise_coordinate('raw.longitude'),
    }.get(column)) }}
{%- endmacro %}


{#-
  A rejected raw row as JSON, without the personal data the contract says to mask, generalise, hash, encrypt or drop
  (`meta.treatment`); null for a row that is usable or withheld. Expects the cleaned raw text as the struct `raw`, and `_reject_reason`.
-#}
{% macro raw_row_json(source_name, table_name, columns) -%}
    {%- do require_treatments(source_name, table_name, columns) -%}
    case when _reject_reason is not null and not {{ is_withheld() }} then to_json(named_struct(
        {%- for column in columns %}
            '{{ column }}', {{ shown_as(column) or 'raw.' ~ column }}{{ ',' if not loop.last }}
        {%- endfor %}
        )) end
{%- endmacro %}


{#- Raise an error for a personal column of the contract, one of `columns`, that `shown_as` would show in full. -#}
{% macro require_treatments(source_name, table_name, columns) -%}
    {#- Unit tests run without a graph. -#}
    {%- if execute and graph.sources is defined -%}
        {%- for column in contract_of(source_name, table_name).columns.values() if column.name in columns -%}
            {%- if column.meta.get('treatment', 'keep') != 'keep' and not shown_as(column.name) -%}
                {%- do exceptions.raise_compiler_error(
                    'Column ' ~ column.name ~ ' of ' ~ table_name ~ ' is personal, but shown_as() does not treat it.'
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
