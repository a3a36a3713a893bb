-- depends_on: {{ ref('gate_crm') }}
with

consents as (
    select * from {{ ref('stg_crm__consents') }}
),

customers as (
    select customer_id from {{ ref('dim_customers') }}
),

asked as (
    select distinct purpose, channel from consents
),

total as (
    select count(*) as customers from customers
),

decisions as (
    select
        consents.customer_id,
        consents.purpose,
        consents.channel,
        max_by(consents.granted, struct(consents.recorded_at, not consents.granted)) as granted
    from consents
    inner join customers on consents.customer_id = customers.customer_id
    group by consents.customer_id, consents.purpose, consents.channel
),

counts as (
    select
        purpose,
        channel,
        count_if(granted) as granted,
        count_if(not granted) as refused
    from decisions
    group by purpose, channel
)

select
    asked.purpose,
    asked.channel,
    total.customers,
    coalesce(counts.granted, 0) as granted,
    coalesce(counts.refused, 0) as refused,
    total.customers - coalesce(counts.granted, 0) - coalesce(counts.refused, 0) as never_asked,
    try_divide(cast(coalesce(counts.granted, 0) as double), cast(total.customers as double)) as granted_share
from asked
cross join total
left join counts on asked.purpose = counts.purpose and asked.channel = counts.channel
