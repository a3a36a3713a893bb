with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- From the likeliest to buy on.
scores as (
    select
        customer_id,
        purchase_probability,
        struct(- purchase_probability as unlikelihood, customer_id) as place,
        'all' as series,
        1 as customers
    from {{ ref('ml_purchase_scores') }}
),

running as (
    {{ running_sums(
        'scores', series='series', value='place', stretch='floor(place.unlikelihood * 200)', amount='customers'
    ) }}
)

select
    running.customer_id,
    running.purchase_probability,
    -- 1 for the tenth of the customers who are likeliest to buy.
    {{ part_number('running.customers_before', 'running.customers_in_all', 10) }} as decile,
    cast({{ var('propensity_horizon_days') }} as int) as horizon_days,
    as_of.as_of_date
from running
cross join as_of
