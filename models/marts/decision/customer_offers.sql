-- depends_on: {{ ref('gate_core') }}
with

offers as (
    select * from {{ ref('int_offer_decisions') }} where not is_held_out
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
)

select
    offers.customer_id,
    offers.campaign_id,
    offers.offer_type,
    offers.discount,
    {{ var('offer_valid_days') }} as valid_days,
    date_add(as_of.as_of_date, {{ var('offer_valid_days') }}) as valid_until_date,
    offers.channel,
    offers.expected_profit,
    offers.profit_low,
    offers.profit_high,
    offers.cost,
    offers.basis,
    offers.reason
from offers
cross join as_of
