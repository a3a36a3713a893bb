{#-
  Why a row cannot be used, 'column: rule' for each rule it breaks, or null. Expects the cleaned raw text as the struct
  `raw` and the struct `ambiguous` (`ambiguous_columns`) beside the typed columns of the same names.
    columns   the kind of each column: a key that lost digits, and a number or a time that can be read in two ways, are never usable
    required  columns that must not be empty
    readable  columns that must be of their type unless empty
    instants  columns that must hold an instant that can have happened
    allowed   the values a column must have one of, by column
    others    further rules: the condition under which a row is rejected, by reason
    known_at  columns that say when a row came to be known, beside `instants`: later than var('as_of_date') it is withheld
    erasable  rows of erased customers are withheld; expects the column erased_customer_id (macros/privacy/withheld.sql)
    expires   'table.column': rows older than the register's retention_days are withheld
-#}
{% macro reject_reason(
    columns, required=[], readable=[], instants=[], allowed={}, others={}, known_at=[], erasable=false, expires=none
) -%}
    {%- set broken_rules -%}
    nullif(concat_ws('; '
        {%- for column in required %},
            case when raw.{{ column }} is null then '{{ column }}: missing' end
        {%- endfor %}
        {%- for column in readable %},
            case when raw.{{ column }} is not null and {{ column }} is null then {{ unread(column, columns) }} end
        {%- endfor %}
        {%- for column in instants %},
            case
                when raw.{{ column }} is null then '{{ column }}: missing'
                when {{ column }} is null then {{ unread(column, columns) }}
                when not ({{ is_past(column) }}) then '{{ column }}: impossible date'
            end
        {%- endfor %}
        {%- for column, kind in columns.items() if column not in readable and column not in instants %}
        {%- if kind == 'key' %},
            {{ key_fault(column) }}
        {%- elif can_be_ambiguous(kind) %},
            case when raw.{{ column }} is not null and {{ column }} is null and ambiguous.{{ column }} then '{{ column }}: ambiguous' end
        {%- endif %}
        {%- endfor %}
        {%- for column, values in allowed.items() %},
            case
                when raw.{{ column }} is null then '{{ column }}: missing'
                when coalesce({{ column }}, '') not in ('{{ values | join("', '") }}') then '{{ column }}: unknown value'
            end
        {%- endfor %}
        {%- for reason, condition in others.items() %},
            case when {{ condition }} then '{{ reason }}' end
        {%- endfor %}
        ), '')
    {%- endset -%}
    {{ withheld_or(one_line(broken_rules), erasable, expires, instants + known_at) }}
{%- endmacro %}


{#- What is wrong with a value that was given and not read. -#}
{% macro unread(column, columns) -%}
    {%- if can_be_ambiguous(columns[column]) -%}
        if(ambiguous.{{ column }}, '{{ column }}: ambiguous', '{{ column }}: unreadable')
    {%- else -%}
        '{{ column }}: unreadable'
    {%- endif -%}
{%- endmacro %}


{#-
  Rank of a usable row among those with its key; the row of rank 1 is kept. The raw text itself settles ties, so that
  the same row wins on every run. Rejected rows are ranked apart.
-#}
{% macro row_rank(key, order_by) -%}
    row_number() over (partition by {{ key }}, _reject_reason is null order by {{ order_by }}, raw)
{%- endmacro %}


{#-
  Whether the usable rows with one key differ in an expression; null differs from nothing. Expects `_broken_rule`, the reason of
  a row that is not usable anyway.
-#}
{% macro differs(expression, key) -%}
    {%- set usable -%} if(_broken_rule is null, {{ expression }}, null) {%- endset -%}
    coalesce(min({{ usable }}) over (partition by {{ key }}) <> max({{ usable }}) over (partition by {{ key }}), false)
{%- endmacro %}


{#- How many other usable rows have the same key; on the row that is kept, the number of rows removed. -#}
{% macro duplicate_rows(key) -%}
    cast(count(*) over (partition by {{ key }}, _reject_reason is null) - 1 as int)
{%- endmacro %}


{#- One row per customer the CRM knows: known_customer_id. From the raw table, so that sources do not wait for each other. -#}
{% macro known_customers() -%}
    {%- set columns = {'customer_id': 'key'} -%}
    {%- if var('as_of_date') -%} {%- do columns.update({'registered_at': 'instant', 'updated_at': 'instant'}) -%} {%- endif -%}
    select distinct customer_id as known_customer_id
    from {{ read_columns(source('crm', 'crm_customers'), columns) }} as customers
    {%- if var('as_of_date') %}
    where not coalesce({{ is_later('registered_at') }}, false) and not coalesce({{ is_later('updated_at') }}, false)
    {%- endif %}
{%- endmacro %}


{#-
  Whether a key names nothing that is known. Expects known_<key> of the left-joined CTE `known`; where that is empty,
  as of a company without a CRM, nothing is unknown.
-#}
{% macro is_unknown(key, known) -%}
    {{ key }} is not null and known_{{ key }} is null and (select count(known_{{ key }}) from {{ known }}) > 0
{%- endmacro %}


{#- The rows of a `base_` relation that cannot be used, each with its reason and the raw text. -#}
{% macro rejected_rows(base) -%}
    select
        _reject_reason as reject_reason,
        _raw_row as raw_row
    from {{ base }}
    where _reject_reason is not null
{%- endmacro %}
