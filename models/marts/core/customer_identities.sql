-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
-- depends_on: {{ ref('gate_partner') }}
with

customers as (
    select * from {{ ref('stg_crm__customers') }}
),

profilable as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

members as (
    select * from {{ ref('stg_partner__members') }}
),

devices as (
    select anonymous_id, customer_id from {{ ref('int_device_customers') }}
),

persons as (
    select customer_id, person_id from {{ ref('int_customer_persons') }}
),

-- A number that several customers share stands for the person they are, or for nobody if they are several.
numbers as (
    select
        customers.phone_hash,
        min(persons.customer_id) as customer_id
    from customers
    inner join persons on customers.customer_id = persons.customer_id
    inner join profilable on customers.customer_id = profilable.customer_id
    where customers.phone_hash is not null
    group by customers.phone_hash
    having count(distinct persons.person_id) = 1
),

identities as (
    select
        'crm' as source,
        customer_id as source_id,
        customer_id,
        if(person_id = customer_id, 'own record', 'two of phone, e-mail and birth date') as rule
    from persons
    union all
    select
        'device' as source,
        anonymous_id as source_id,
        customer_id,
        'only customer who logged in on it' as rule
    from devices
    union all
    select
        'partner ' || members.partner as source,
        members.member_id as source_id,
        numbers.customer_id,
        if(numbers.customer_id is null, 'no match', 'keyed hash of the phone') as rule
    from members
    left join numbers on members.phone_hash = numbers.phone_hash
)

select
    identities.source,
    identities.source_id,
    identities.customer_id,
    persons.person_id,
    identities.rule
from identities
left join persons on identities.customer_id = persons.customer_id
