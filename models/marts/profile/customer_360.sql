-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_customer') }}
-- depends_on: {{ ref('gate_segments') }}
{# An attribute is a line of seeds/tag_catalogue.csv; docs/customer_360.md. -#}
{% set relations = {
    'orders': ref('int_customer_order_attributes'),
    'order_items': ref('int_customer_order_item_attributes'),
    'events': ref('int_customer_event_attributes'),
    'sessions': ref('int_customer_session_attributes'),
    'impressions': ref('int_customer_impression_attributes'),
    'tickets': ref('int_customer_ticket_attributes'),
} %}
with

profiled as (
    select
        customers.*,
        as_of.as_of_date,
        {{ business_date('customers.membership_expires_at') }} as membership_expires_on
    from {{ ref('dim_customers') }} as customers
    cross join {{ ref('int_as_of') }} as as_of
    where customers.can_profile
),

customers as (
    select
        customer_id
        {{- catalogued_columns('customers') }}
    from profiled
),

behaviour as (
    select
        customer_id
        {{- catalogued_columns('behaviour') }}
    from {{ ref('customer_behaviour') }}
),

rfm as (
    select
        customer_id
        {{- catalogued_columns('rfm') }}
    from {{ ref('customer_rfm') }}
),

segments as (
    select
        customer_id
        {{- catalogued_columns('segments') }}
    from {{ ref('customer_segments') }}
),

tag_lists as (
    select
        customer_id,
        count(*) as tags,
        {{ ranked_list('tag', 5) }} as top_tags
    from (select customer_id, tag, tag_rank as position from {{ ref('customer_tags') }}) as ranked_tags
    group by customer_id
),

tags as (
    select
        customer_id
        {{- catalogued_columns('tags') }}
    from tag_lists
),

-- Who did nothing has 0 of it; where the catalogue has no such default, the attribute is null.
attributes as (
    select
        customers.customer_id
        {%- for attribute in catalogue() if attribute.facts != 'attributes' %}
        {%- set value = attribute.facts ~ '.' ~ attribute.attribute %},
        {{ 'coalesce(' ~ value ~ ', ' ~ attribute.default_value ~ ')' if attribute.default_value is defined else value }} as {{ attribute.attribute }}
        {%- endfor %}
    from customers
    left join behaviour on customers.customer_id = behaviour.customer_id
    left join rfm on customers.customer_id = rfm.customer_id
    left join segments on customers.customer_id = segments.customer_id
    left join tags on customers.customer_id = tags.customer_id
    {%- for facts in relations %}
    left join {{ relations[facts] }} as {{ facts }} on customers.customer_id = {{ facts }}.customer_id
    {%- endfor %}
)

select
    customer_id
    {%- for attribute in catalogue() %},
    {%- set value = attribute.measure if attribute.facts == 'attributes' else attribute.attribute %}
    cast({{ value }} as {{ attribute.data_type }}) as {{ attribute.attribute }}
    {%- endfor %}
from attributes
