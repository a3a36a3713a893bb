-- depends_on: {{ ref('gate_core') }}
with

interactions as (
    select * from {{ ref('int_customer_interactions') }}
),

products as (
    select product_id, category, brand from {{ ref('dim_products') }}
),

customers as (
    select customer_id, gender from {{ ref('dim_customers') }} where can_profile
),

counts as (
    select
        interactions.customer_id,
        products.category,
        sum(interactions.occurrences) as occurrences
    from interactions
    inner join products on interactions.product_id = products.product_id
    where products.category is not null
    group by interactions.customer_id, products.category
)

-- One row per customer, so that a customer is scored as a whole wherever the row is.
select
    customers.customer_id,
    customers.gender,
    sum(counts.occurrences) as occurrences,
    array_sort(collect_list(struct(counts.category, counts.occurrences))) as category_counts
from customers
inner join counts on customers.customer_id = counts.customer_id
group by customers.customer_id, customers.gender
