with

customers as (
    select customer_id, first_order_date from {{ ref('int_customer_purchases') }}
),

-- What was bought on one day is one purchase, as in int_customer_purchases.
purchases as (
    select distinct customer_id, order_date from {{ ref('int_order_values') }}
)

select
    purchases.order_date as purchase_date,
    count_if(purchases.order_date = customers.first_order_date) as new_customers,
    count_if(purchases.order_date > customers.first_order_date) as repeat_purchases
from purchases
inner join customers on purchases.customer_id = customers.customer_id
group by purchases.order_date
