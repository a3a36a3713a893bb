with

contracts as (
    select *
    from {{ ref('base_crm__contracts') }}
    where _reject_reason is null and _row_rank = 1
),

customers as (
    {{ known_customers() }}
)

select
    contracts.contract_id,
    contracts.customer_id,
    {{ is_unknown('customer_id', 'customers') }} as is_unknown_customer,
    contracts.product,
    contracts.started_at,
    contracts.due_at,
    contracts.settled_at,
    cast(contracts.amount as decimal(18, 4)) as amount,
    contracts.duplicate_rows
from contracts
left join customers on contracts.customer_id = customers.known_customer_id
