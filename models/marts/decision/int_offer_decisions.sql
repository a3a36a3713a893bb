{#- A lot decides who would have had an offer and is held out: only so can be seen what offers bring. It is drawn from
    customer, campaign and day, so that a replay draws the same. -#}
{%- set share = var('offer_holdout_share') %}
with

offers as (
    select * from {{ ref('ml_customer_offers') }} where campaign_id is not null
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

drawn as (
    select
        offers.*,
        pmod(xxhash64(offers.customer_id, offers.campaign_id, as_of.as_of_date), 1000000) / 1000000D < {{ share }}
            as is_held_out
    from offers
    cross join as_of
)

select
    customer_id,
    campaign_id,
    offer_type,
    channel,
    discount,
    without_offer,
    with_offer,
    expected_profit,
    profit_low,
    profit_high,
    cost,
    basis,
    reason,
    is_held_out,
    if(is_held_out, {{ share }}D, 1D - {{ share }}D) as propensity
from drawn
