-- depends_on: {{ ref('gate_core') }}
with

orders as (
    select * from {{ ref('fct_orders') }}
),

order_items as (
    select * from {{ ref('fct_order_items') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- What was bought together: products once per order, returns left out.
bought as (
    select distinct order_items.order_id, order_items.product_id
    from order_items
    inner join orders on order_items.order_id = orders.order_id
    cross join as_of
    where not orders.is_cancelled and orders.order_date <= as_of.as_of_date and order_items.quantity > 0
),

-- n products make n (n - 1) / 2 pairs. A wholesaler's order of a thousand would make half a million and tell no taste.
baskets as (
    select order_id from bought group by order_id having count(*) <= {{ var('basket_max_products', 100) }}
),

basket_products as (
    select bought.order_id, bought.product_id
    from bought
    inner join baskets on bought.order_id = baskets.order_id
),

total as (
    select
        count(*) as baskets,
        greatest({{ var('basket_min_baskets', 5) }}, {{ var('basket_min_support', 0.0001) }} * count(*)) as min_baskets
    from baskets
),

-- A pair is at most as frequent as the rarer of the two, so rare products need not be paired at all (Apriori).
frequent as (
    select products.product_id, products.baskets
    from (select product_id, count(*) as baskets from basket_products group by product_id) as products
    cross join total
    where products.baskets >= total.min_baskets
),

frequent_products as (
    select basket_products.order_id, basket_products.product_id
    from basket_products
    inner join frequent on basket_products.product_id = frequent.product_id
),

pairs as (
    select
        one.product_id,
        other.product_id as neighbour_id,
        count(*) as baskets_together
    from frequent_products as one
    inner join frequent_products as other
        on one.order_id = other.order_id and one.product_id < other.product_id
    group by one.product_id, other.product_id
),

directed as (
    select product_id, neighbour_id, baskets_together from pairs
    union all
    select neighbour_id as product_id, product_id as neighbour_id, baskets_together from pairs
)

select
    directed.product_id,
    directed.neighbour_id,
    directed.baskets_together,
    one.baskets as product_baskets,
    other.baskets as neighbour_baskets,
    total.baskets as all_baskets,
    cast(directed.baskets_together as double) / total.baskets as support,
    cast(directed.baskets_together as double) / one.baskets as confidence,
    cast(directed.baskets_together as double) * total.baskets / (cast(one.baskets as double) * other.baskets) as lift
from directed
cross join total
inner join frequent as one on directed.product_id = one.product_id
inner join frequent as other on directed.neighbour_id = other.product_id
where directed.baskets_together >= total.min_baskets
