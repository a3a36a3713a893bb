-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_core') }}
with

contracts as (
    select contract_id, customer_id, product, started_at, due_at, settled_at, amount from {{ ref('stg_crm__contracts') }}
),

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
)

select
    contracts.contract_id,
    contracts.customer_id,
    contracts.product,
    {{ business_date('contracts.started_at') }} as started_on,
    {{ business_date('contracts.due_at') }} as due_on,
    {{ business_date('contracts.settled_at') }} as settled_on,
    cast(contracts.amount as double) as amount,
    as_of.as_of_date
from contracts
inner join customers on contracts.customer_id = customers.customer_id
cross join as_of
where {{ business_date('contracts.started_at') }} <= as_of.as_of_date
