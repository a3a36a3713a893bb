with

scores as (
    select * from {{ ref('ml_gender_scores') }}
)

select
    customer_id,
    female_probability,
    case when female_probability >= 0.5 then 'female' else 'male' end as predicted_gender,
    greatest(female_probability, 1 - female_probability) as confidence
from scores
