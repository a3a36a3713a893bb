{# The logistic candidate's, also where another one is the champion: it is the one whose coefficients can be read. #}
with

coefficients as (
    {{ champion_table(
        ref('ml_click_model'), 'coefficients',
        'feature: string, level: string, reference: string, coefficient: double, odds_ratio: double, ci_low: double, ci_high: double, p_value: double',
        algorithm='logistic'
    ) }}
)

select
    feature,
    coalesce(level, '') as level,
    reference,
    coefficient,
    odds_ratio,
    ci_low,
    ci_high,
    p_value
from coefficients
where coefficient is not null
