-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_prediction') }}
{#- What is decided as of today, whatever the kind: one row each. The day is that of the data, so a replay decides the same. #}
with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

offers as (
    select * from {{ ref('int_offer_decisions') }}
),

contacts as (
    select * from {{ ref('contact_timing') }}
),

budgets as (
    select * from {{ ref('budget_allocation') }}
),

mixes as (
    select * from {{ ref('channel_mix') }}
),

prices as (
    select * from {{ ref('price_recommendations') }}
),

decided as (
    select
        'offer' as kind, customer_id, campaign_id, channel, cast(null as string) as product_id,
        if(is_held_out, 'none', offer_type) as choice, propensity, {{ var('offer_valid_days') }} as valid_days,
        expected_profit as expected_value
    from offers
    union all
    -- Those who are to be contacted today of all days; the others' day may still change.
    select
        'contact' as kind, contacts.customer_id, cast(null as string) as campaign_id, contacts.channel,
        cast(null as string) as product_id, 'contact' as choice, 1D as propensity,
        {{ var('offer_valid_days') }} as valid_days, cast(null as double) as expected_value
    from contacts
    inner join as_of on contacts.best_contact_date = as_of.as_of_date
    where contacts.basis <> 'today'
    union all
    select
        'budget' as kind, cast(null as string) as customer_id, concat(plan, ' ', period) as campaign_id, channel,
        cast(null as string) as product_id, cast(round(spend, 2) as string) as choice, 1D as propensity,
        7 * {{ var('budget_weeks') }} as valid_days, expected_return as expected_value
    from budgets
    where spend is not null
    union all
    select
        'mix' as kind, cast(null as string) as customer_id, segment as campaign_id, channel,
        cast(null as string) as product_id, segment as choice, share as propensity,
        {{ var('offer_valid_days') }} as valid_days, expected_rate as expected_value
    from mixes
    union all
    select
        'price' as kind, cast(null as string) as customer_id, cast(null as string) as campaign_id,
        cast(null as string) as channel, product_id, cast(recommended_price as string) as choice, 1D as propensity,
        7 as valid_days, expected_profit_change as expected_value
    from prices
    where recommended_price is not null
)

select
    sha2(concat_ws('|',
        decided.kind, coalesce(decided.customer_id, ''), coalesce(decided.campaign_id, ''),
        coalesce(decided.channel, ''), coalesce(decided.product_id, ''), as_of.as_of_date
    ), 256) as decision_id,
    decided.kind,
    decided.customer_id,
    decided.campaign_id,
    decided.channel,
    decided.product_id,
    decided.choice,
    decided.propensity,
    cast(as_of.as_of_date as timestamp) as decided_at,
    as_of.as_of_date as decided_on,
    cast(decided.valid_days as int) as valid_days,
    decided.expected_value
from decided
cross join as_of
