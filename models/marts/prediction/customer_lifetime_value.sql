with

customer_values as (
    select * from {{ ref('ml_customer_values') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
)

select
    customer_values.customer_id,
    customer_values.probability_alive,
    customer_values.expected_purchases_90d,
    customer_values.expected_order_value,
    customer_values.clv_12m,
    customer_values.method,
    customer_values.value_reason,
    as_of.as_of_date
from customer_values
cross join as_of
