with

scores as (
    select * from {{ ref('ml_purchase_scores') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
)

select
    scores.customer_id,
    scores.purchase_probability,
    -- 1 for the tenth of the customers who are likeliest to buy.
    cast(ntile(10) over (order by scores.purchase_probability desc, scores.customer_id) as int) as decile,
    cast({{ var('propensity_horizon_days') }} as int) as horizon_days,
    as_of.as_of_date
from scores
cross join as_of
