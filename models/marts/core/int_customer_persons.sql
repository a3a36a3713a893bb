-- depends_on: {{ ref('gate_crm') }}
{#- Rounds in which the smallest id of a group spreads: enough for chains of as many records, each like the next. -#}
{%- set rounds = 4 %}
{%- set pairs = ['phone_and_email', 'phone_and_birth_date', 'email_and_birth_date'] %}

with

customers as (
    select * from {{ ref('stg_crm__customers') }}
),

-- One trait alone is shared by families (telephone), by chance (birth date) or passed on (e-mail); two are one person.
round_0 as (
    select
        customer_id,
        customer_id as person_id,
        md5(phone_hash || '|' || email_hash) as phone_and_email,
        md5(phone_hash || '|' || birth_date) as phone_and_birth_date,
        md5(email_hash || '|' || birth_date) as email_and_birth_date
    from customers
),

{% for round in range(1, rounds + 1) -%}
round_{{ round }} as (
    select
        customer_id,
        least(
            {%- for pair in pairs %}
            min(person_id) over (partition by coalesce({{ pair }}, customer_id)){{ ',' if not loop.last }}
            {%- endfor %}
        ) as person_id,
        {{ pairs | join(', ') }}
    from round_{{ round - 1 }}
){{ ',' if not loop.last }}

{% endfor -%}

select
    customer_id,
    person_id
from round_{{ rounds }}
