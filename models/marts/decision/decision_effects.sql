-- depends_on: {{ ref('gate_core') }}
{#- Offered customers against those held out by lot, each weighted by one over the chance of what happened to them (Hajek). #}
with

outcomes as (
    select *, choice <> 'none' as is_offered
    from {{ ref('decision_outcomes') }}
    where kind = 'offer' and is_complete
),

weighted as (
    select
        campaign_id,
        outcome,
        is_offered,
        count(*) as decisions,
        sum(value / propensity) / sum(1 / propensity) as mean
    from outcomes
    group by campaign_id, outcome, is_offered
),

errors as (
    select
        outcomes.campaign_id,
        outcomes.outcome,
        outcomes.is_offered,
        any_value(weighted.decisions) as decisions,
        any_value(weighted.mean) as mean,
        sum(pow((outcomes.value - weighted.mean) / outcomes.propensity, 2)) / pow(sum(1 / outcomes.propensity), 2)
        * count(*) / nullif(count(*) - 1, 0) as squared_error
    from outcomes
    inner join weighted
        on outcomes.campaign_id = weighted.campaign_id
        and outcomes.outcome = weighted.outcome
        and outcomes.is_offered = weighted.is_offered
    group by outcomes.campaign_id, outcomes.outcome, outcomes.is_offered
),

compared as (
    select
        campaign_id,
        outcome,
        coalesce(max(decisions) filter (where is_offered), 0) as offered,
        coalesce(max(decisions) filter (where not is_offered), 0) as held_out,
        max(mean) filter (where is_offered) as mean_offered,
        max(mean) filter (where not is_offered) as mean_held_out,
        max(squared_error) filter (where is_offered) + max(squared_error) filter (where not is_offered) as squared_error
    from errors
    group by campaign_id, outcome
)

select
    campaign_id,
    outcome,
    offered,
    held_out,
    mean_offered,
    mean_held_out,
    mean_offered - mean_held_out as effect,
    mean_offered - mean_held_out - 1.96D * sqrt(squared_error) as ci_low,
    mean_offered - mean_held_out + 1.96D * sqrt(squared_error) as ci_high,
    case
        when held_out = 0 then 'nobody was held out: the effect is unknown'
        when offered = 0 then 'nobody has had the offer for its whole time'
        when squared_error is null then 'too few customers'
        when mean_offered - mean_held_out - 1.96D * sqrt(squared_error) > 0 then 'it brings more'
        when mean_offered - mean_held_out + 1.96D * sqrt(squared_error) < 0 then 'it brings less'
        else 'the data does not say'
    end as verdict
from compared
