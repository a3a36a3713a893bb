{#-
  Rows that may not be kept, those of erased customers and those past their retention period, and rows that nobody had yet
  on var('as_of_date'), where that is set. They are counted in
  `..__rejected`, with the reason and nothing else. A base model withholds them by
    1. joining the erased customers:
           left join ({{ erased_customers() }}) as erased on typed.customer_id = erased.erased_customer_id
    2. passing to reject_reason: erasable=true where rows have a customer (needs the join), and
       expires='<raw table>.<column>' where the register limits the rows of the table by that column, which must
       be typed as a date or timestamp under the same name. A row whose date is missing or unreadable never expires.
    3. passing to reject_reason as `instants` or `known_at` when a row came to be known.
    4. calling unless_withheld for every column, and raw_row_json, where `_reject_reason` is visible: a base model is a table.
-#}

{#- One row per customer who asked to be erased: erased_customer_id. A request that is itself rejected counts too. -#}
{% macro erased_customers() -%}
    select distinct customer_id as erased_customer_id
    from {{ ref('base_crm__erasure_requests') }}
    where customer_id is not null
{%- endmacro %}


{#- 'withheld: erased', 'withheld: later' (one of the columns `known_at` is after var('as_of_date')), 'withheld: expired' or `otherwise`. -#}
{% macro withheld_or(otherwise, erasable, expires, known_at=[]) -%}
    {%- set known_at = known_at if var('as_of_date') else [] -%}
    {%- if not (erasable or expires or known_at) -%} {{ return(otherwise) }} {%- endif -%}
    case
        {%- if erasable %}
        when erased_customer_id is not null then 'withheld: erased'
        {%- endif %}
        {%- for column in known_at %}
        when {{ is_later(column) }} then 'withheld: later'
        {%- endfor %}
        {%- if expires %}
        {%- set table_name, column = expires.split('.') %}
        when {{ is_past(column) }} and {{ column }} < (
            select max(keep_from) from {{ ref('stg_retention_limits') }} where table_name = '{{ table_name }}'
        ) then 'withheld: expired'
        {%- endif %}
        else {{ otherwise }}
    end
{%- endmacro %}


{#-
  One row per withheld order: withheld_order_id, withheld_reason. What belongs to an order goes with it: it has no customer of its own.
  From the raw table, since staging keeps nothing of a withheld order, not even its number.
-#}
{% macro withheld_orders() -%}
    select order_id as withheld_order_id, min(withheld_reason) as withheld_reason
    from (
        select order_id, {{ withheld_or('null', erasable=true, expires='shop_orders.ordered_at', known_at=['ordered_at']) }} as withheld_reason
        from {{ read_columns(source('shop', 'shop_orders'), {'order_id': 'key', 'customer_id': 'key', 'ordered_at': 'instant'}) }} as orders
        left join ({{ erased_customers() }}) as erased on orders.customer_id = erased.erased_customer_id
    ) as orders
    where withheld_reason is not null
    group by order_id
{%- endmacro %}


{#- A value of a row in staging, null where the row is withheld. Expects `_reject_reason`. -#}
{% macro unless_withheld(value) -%}
    case when not {{ is_withheld() }} then {{ value }} end
{%- endmacro %}


{#- Whether a row is withheld, by its reject reason. -#}
{% macro is_withheld(reject_reason='_reject_reason') -%}
    coalesce({{ reject_reason }} like 'withheld: %', false)
{%- endmacro %}
