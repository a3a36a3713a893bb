-- No masked column of a customer, staged or rejected, holds a value that stands in the raw table.
{%- set masked = ['name', 'phone', 'email', 'id_number'] %}
with

shown as (
    {% for column in masked %}
    select '{{ column }}' as field, {{ column }}_masked as value from {{ ref('stg_crm__customers') }}
    union all
    select '{{ column }}' as field, get_json_object(raw_row, '$.{{ column }}') as value
    from {{ ref('stg_crm__customers__rejected') }}
    union all
    {% endfor %}
    select 'address' as field, get_json_object(raw_row, '$.address') as value
    from {{ ref('stg_crm__customers__rejected') }}
),

-- What arrives masked already may stay as it is.
raw_values as (
    {% for column in masked + ['address'] %}
    select '{{ column }}' as field, trim({{ column }}) as value
    from {{ source('crm', 'crm_customers') }}
    where {{ column }} not like '%*%'
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select shown.field, count(*) as unmasked_values
from shown
left semi join raw_values on shown.field = raw_values.field and shown.value = raw_values.value
where shown.value is not null
group by shown.field
