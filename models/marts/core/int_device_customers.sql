-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
with

events as (
    select anonymous_id, customer_id from {{ ref('stg_app__events') }}
),

customers as (
    select customer_id, can_profile from {{ ref('dim_customers') }}
),

-- A device that several people logged in on says nothing about who used it anonymously.
owned as (
    select
        anonymous_id,
        max(customer_id) as customer_id
    from events
    where anonymous_id is not null and customer_id is not null
    group by anonymous_id
    having count(distinct customer_id) = 1
)

select
    owned.anonymous_id,
    owned.customer_id
from owned
inner join customers on owned.customer_id = customers.customer_id
-- To tell whose an anonymous visit was is profiling.
where customers.can_profile
