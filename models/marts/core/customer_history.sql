-- depends_on: {{ ref('gate_crm') }}
{#- The past cannot be built again from raw tables that hold the present only: a full refresh keeps it. -#}
{%- set approved = approved_version(survives_full_refresh=true) %}

with

versions as (
    select * from {{ ref('stg_crm__customer_versions') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

known as (
    {% if approved -%}
    select approved.customer_id, valid_from, is_current, approved.membership_level, approved.province, approved.city
    from {{ approved }} as approved
    -- Whom the CRM no longer knows has no history either.
    left semi join versions on approved.customer_id = versions.customer_id
    {%- else -%}
    select
        customer_id, registered_at as valid_from, false as is_current, membership_level, province, city
    from versions where false
    {%- endif %}
),

-- A record without a time of change was first seen when it was registered, and changed on the day a run notices it.
arrived as (
    select
        versions.customer_id,
        coalesce(
            versions.updated_at,
            if(known.customer_id is null, versions.registered_at, null),
            to_utc_timestamp(cast(as_of.as_of_date as timestamp), {{ text_literal(var("business_timezone")) }})
        ) as valid_from,
        versions.membership_level,
        versions.province,
        versions.city
    from versions
    cross join as_of
    left join known on versions.customer_id = known.customer_id and known.is_current
),

-- Spans begin with a day: a second of registration would name a person. Of the rows of a day the last that arrived counts.
states as (
    select
        customer_id,
        {{ start_of_business_date('valid_from') }} as valid_from,
        max_by(struct(membership_level, province, city), struct(is_arrived, valid_from)) as state
    from (
        select customer_id, valid_from, membership_level, province, city, 1 as is_arrived from arrived
        union all
        select customer_id, valid_from, membership_level, province, city, 0 as is_arrived from known
    ) as both_kinds
    group by customer_id, {{ start_of_business_date('valid_from') }}
),

changes as (
    select
        *,
        coalesce(
            not lag(state) over (partition by customer_id order by valid_from) <=> state, true
        ) as is_change
    from states
)

select
    customer_id,
    valid_from,
    lead(valid_from) over (partition by customer_id order by valid_from) as valid_to,
    lead(valid_from) over (partition by customer_id order by valid_from) is null as is_current,
    state.membership_level,
    state.province,
    state.city
from changes
where is_change
