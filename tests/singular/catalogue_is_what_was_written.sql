-- Lines of seeds/tag_catalogue.csv that customer_360 is not made of: `python -m precision_marketing.catalogue` was not run.
with

written as (
    select line from values
    {%- for attribute in catalogue() %}
    ('{{ local_md5(attribute.values() | join("|")) }}'){{ ',' if not loop.last }}
    {%- else %}
    (null)
    {%- endfor %}
    as written(line)
)

select attributes.attribute
from {{ ref('tag_catalogue') }} as attributes
left join written
    on written.line = md5(concat_ws(
        '|', attributes.attribute, attributes.data_type, attributes.facts, attributes.measure, attributes.breakdown,
        cast(attributes.window_days as string), attributes.default_value
    ))
where written.line is null
