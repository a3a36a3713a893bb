-- The offers that are made today.
with

offers as (
    select * from {{ ref('offers') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
)

select
    offers.campaign_id,
    offers.offer_type,
    offers.discount,
    offers.channel,
    offers.contact_cost,
    offers.budget,
    offers.max_customers,
    offers.experiment_id,
    offers.assumed_lift
from offers
inner join as_of
    on coalesce(offers.starts_on <= as_of.as_of_date, true) and coalesce(offers.ends_on >= as_of.as_of_date, true)
