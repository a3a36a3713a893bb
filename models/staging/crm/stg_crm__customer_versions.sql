with

versions as (
    select
        *,
        row_number() over (
            partition by customer_id, updated_at order by _row_rank
        ) as version_rank
    from {{ ref('base_crm__customers') }}
    where _reject_reason is null
)

select
    customer_id,
    updated_at,
    membership_level,
    province,
    city,
    registered_at
from versions
where version_rank = 1
