with

drivers as (
    {{ champion_table(
        ref('ml_churn_model'), 'drivers',
        'covariate: string, level: string, reference: string, coefficient: double, hazard_ratio: double, ci_low: double, ci_high: double, p_value: double, ph_p_value: double, treatment: string'
    ) }}
)

select
    covariate,
    coalesce(level, '') as level,
    reference,
    coefficient,
    hazard_ratio,
    ci_low,
    ci_high,
    p_value,
    ph_p_value,
    treatment
from drivers
