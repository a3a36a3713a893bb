-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
-- depends_on: {{ ref('gate_geo') }}
with

customers as (
    select * from {{ ref('stg_crm__customers') }}
),

consents as (
    select * from {{ ref('stg_crm__consents') }}
),

regions as (
    select * from {{ ref('stg_geo__regions') }}
),

orders as (
    select customer_id from {{ ref('stg_shop__orders') }}
),

events as (
    select customer_id from {{ ref('stg_app__events') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- Without any CRM, whoever bought or was seen is a customer.
seen as (
    select customer_id from orders where customer_id is not null
    union
    select customer_id from events where customer_id is not null
),

keys as (
    select customer_id from customers
    union all
    select customer_id from seen where not exists (select 1 from customers)
),

contactable as (
    select
        customer_id,
        {{ newest_consent('sms') }} as can_sms,
        {{ newest_consent('push') }} as can_push,
        {{ newest_consent('email') }} as can_email
    from consents
    where purpose = 'marketing'
    group by customer_id
),

profilable as (
    select
        customer_id,
        max_by(granted, struct(recorded_at, not granted)) as can_profile
    from consents
    where purpose = 'profiling'
    group by customer_id
),

aged as (
    select
        keys.customer_id,
        cast(floor(months_between(as_of.as_of_date, customers.birth_date) / 12) as int) as age
    from keys
    cross join as_of
    left join customers on keys.customer_id = customers.customer_id
)

select
    aged.customer_id,
    customers.gender,
    aged.age,
    {{ age_band('aged.age') }} as age_band,
    coalesce(regions.province, customers.province) as province,
    coalesce(regions.city, customers.city) as city,
    regions.city_tier,
    customers.membership_level,
    customers.membership_expires_at,
    {{ business_date('customers.registered_at') }} as registered_on,
    coalesce(contactable.can_sms, false) as can_sms,
    coalesce(contactable.can_push, false) as can_push,
    coalesce(contactable.can_email, false) as can_email,
    -- A company that records no consents at all works on another legal basis; docs/privacy.md.
    coalesce(profilable.can_profile, not exists(select 1 from consents)) as can_profile
from aged
left join customers on aged.customer_id = customers.customer_id
left join contactable on aged.customer_id = contactable.customer_id
left join profilable on aged.customer_id = profilable.customer_id
left join regions
    on lower(customers.city) = lower(regions.city)
    and lower(customers.province) = lower(regions.province)
