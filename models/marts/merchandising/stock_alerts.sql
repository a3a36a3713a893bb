-- depends_on: {{ ref('gate_shop') }}
{%- set days = var('stock_sales_days') %}
{%- set prior = var('stock_prior_units') %}

with

inventory as (
    select * from {{ ref('stg_shop__inventory') }}
),

sales as (
    select * from {{ ref('daily_sales') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

newest as (
    select
        inventory.store_id,
        inventory.product_id,
        max(inventory.stock_date) as stock_date,
        max_by(inventory.on_hand, inventory.stock_date) as on_hand,
        coalesce(max_by(inventory.on_order, inventory.stock_date), 0) as on_order,
        as_of.as_of_date
    from inventory
    cross join as_of
    where inventory.stock_date <= as_of.as_of_date
    group by inventory.store_id, inventory.product_id, as_of.as_of_date
),

recent as (
    select sales.store_id, sales.product_id, cast(greatest(sum(sales.quantity), 0) as double) as units
    from sales
    cross join as_of
    where sales.sales_date > date_sub(as_of.as_of_date, {{ days }})
    group by sales.store_id, sales.product_id
),

product_units as (
    select product_id, sum(units) as units from recent group by product_id
),

store_units as (
    select store_id, sum(units) as units, sum(sum(units)) over () as all_units from recent group by store_id
),

typical_stock as (
    select store_id, percentile(on_hand, 0.5) as on_hand from newest group by store_id
),

typical_product as (
    select percentile(coalesce(product_units.units, 0), 0.5) as units
    from (select distinct product_id from newest) as stocked
    left join product_units on stocked.product_id = product_units.product_id
),

-- What the store would sell of the product if its customers bought as all customers do.
expected as (
    select
        newest.*,
        coalesce(recent.units, 0) as units_sold,
        coalesce(product_units.units, 0) as units_sold_everywhere,
        coalesce(try_divide(product_units.units * store_units.units, store_units.all_units), 0) as expected_units
    from newest
    left join recent on newest.store_id = recent.store_id and newest.product_id = recent.product_id
    left join product_units on newest.product_id = product_units.product_id
    left join store_units on newest.store_id = store_units.store_id
),

-- A store sells most products less than once a month, so that its own count is mostly chance: it moves the expectation
-- by as much as it weighs against {{ prior }} units (posterior mean of a Poisson rate with a gamma prior).
measured as (
    select
        *,
        expected_units * (units_sold + {{ prior }}) / (expected_units + {{ prior }}) / {{ days }} as mean_daily_sales
    from expected
),

covered as (
    select
        *,
        try_divide(cast(greatest(on_hand, 0) as double), mean_daily_sales) as days_of_cover
    from measured
)

select
    covered.store_id,
    covered.product_id,
    case
        when covered.on_hand <= 0 then 'out of stock'
        when covered.on_hand > {{ var('stock_overstock_factor') }} * typical_stock.on_hand
            and coalesce(covered.days_of_cover > {{ var('stock_overstock_days') }}, true) then 'overstock'
        when covered.units_sold_everywhere <= {{ var('stock_slow_share') }} * typical_product.units then 'slow mover'
        when covered.days_of_cover < {{ var('stock_low_cover_days') }} then 'low cover'
        else 'ok'
    end as alert,
    covered.days_of_cover,
    covered.mean_daily_sales,
    covered.on_hand,
    cast(covered.on_order as decimal(18, 4)) as on_order,
    covered.units_sold,
    covered.units_sold_everywhere,
    covered.stock_date,
    covered.as_of_date
from covered
cross join typical_product
inner join typical_stock on covered.store_id = typical_stock.store_id
