-- depends_on: {{ ref('gate_customer') }}
with

profiles as (
    select * from {{ ref('customer_360') }}
),

attributes as (
    select * from {{ ref('tag_catalogue') }}
),

-- One pass over the profiles, whatever the number of attributes.
counted as (
    select
        count(*) as customers,
        array(
            {%- for attribute in catalogue() %}
            {%- set value = attribute.attribute %}
            {%- set value = 'if(size(' ~ value ~ ') > 0, 1, null)' if attribute.data_type.startswith('array') else value %}
            struct('{{ attribute.attribute }}' as attribute, count({{ value }}) as filled){{ ',' if not loop.last }}
            {%- endfor %}
        ) as counts
    from profiles
),

filled as (
    select
        counted.customers,
        count_of.attribute,
        count_of.filled
    from counted
    lateral view explode(counted.counts) as count_of
    where counted.customers > 0
)

select
    attributes.attribute,
    attributes.type,
    attributes.definition,
    attributes.source,
    attributes.level,
    filled.customers,
    filled.filled,
    cast(filled.filled as double) / filled.customers as coverage,
    cast(sum(filled.filled) over () as double) / sum(filled.customers) over () as mean_coverage
from filled
inner join attributes on filled.attribute = attributes.attribute
