-- depends_on: {{ ref('gate_core') }}
{#- Decisions of earlier days cannot be made again once the data has changed: a full refresh keeps them. -#}
{%- set approved = approved_version(survives_full_refresh=true) %}
{%- set columns = [
    'decision_id', 'kind', 'customer_id', 'campaign_id', 'channel', 'product_id', 'choice', 'propensity', 'decided_at',
    'decided_on', 'valid_days', 'expected_value',
] %}

with

decisions as (
    select * from {{ ref('int_decisions') }}
),

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- Of a day that is built again the newest decisions count. Who is erased, or withdrew, has no history either.
earlier as (
    {% if approved -%}
    select approved.{{ columns | join(', approved.') }}
    from {{ approved }} as approved
    inner join as_of
        on approved.decided_on < as_of.as_of_date
        and approved.decided_on >= date_sub(as_of.as_of_date, {{ var('decision_keep_days') }})
    left join customers on approved.customer_id = customers.customer_id
    where approved.customer_id is null or customers.customer_id is not null
    {%- else -%}
    select {{ columns | join(', ') }} from decisions where false
    {%- endif %}
),

all_days as (
    select {{ columns | join(', ') }} from decisions
    union all
    select {{ columns | join(', ') }} from earlier
)

select
    {{ columns | join(',\n    ') }}
from all_days
