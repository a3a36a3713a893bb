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

-- What was bought together: products once per order, returns left out. n products make n (n - 1) / 2 pairs. A wholesaler's
-- order of a thousand would make half a million and tell no taste.
baskets as (
    select order_items.order_id, collect_set(order_items.product_id) as products
    from order_items
    inner join orders on order_items.order_id = orders.order_id
    cross join as_of
    where not orders.is_cancelled and orders.order_date <= as_of.as_of_date and order_items.quantity > 0
    group by order_items.order_id
    having size(products) <= {{ var('basket_max_products') }}
),

total as (
    select
        count(*) as baskets,
        greatest({{ var('basket_min_baskets') }}, {{ var('basket_min_support') }} * count(*)) as min_baskets
    from baskets
),

basket_products as (
    select order_id, explode(products) as product_id from baskets
),

-- A pair is at most as frequent as the rarer of the two, so rare products need not be paired at all (Apriori).
frequent as (
    select products.product_id, products.baskets
    from (select product_id, count(*) as baskets from basket_products group by product_id) as products
    cross join total
    where products.baskets >= total.min_baskets
),

frequent_baskets as (
    select basket_products.order_id, collect_list(basket_products.product_id) as products
    from basket_products
    inner join frequent on basket_products.product_id = frequent.product_id
    group by basket_products.order_id
),

pairs as (
    select product_id, neighbour_id, count(*) as baskets_together
    from frequent_baskets
    lateral view explode(products) as product_id
    lateral view explode(products) as neighbour_id
    where product_id < neighbour_id
    group by product_id, neighbour_id
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
