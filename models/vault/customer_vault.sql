with

customers as (
    select * from {{ ref('base_crm__customers') }}
    where _reject_reason is null and _row_rank = 1
)

select
    customer_id,
    {% for column in vault_columns() %}
    {{ encrypt(column) }} as {{ column }}_encrypted,
    {% endfor %}
    vault_key_id() as key_id
from customers
