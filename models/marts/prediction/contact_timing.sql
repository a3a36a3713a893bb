-- depends_on: {{ ref('gate_core') }}
with

scores as (
    select * from {{ ref('ml_churn_scores') }} where best_contact_date is not null
),

answers as (
    select * from {{ ref('ml_contact_answers') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

messages as (
    select
        customer_id,
        shown_date,
        row_number() over (partition by customer_id order by shown_date desc, impression_id) as place
    from {{ ref('fct_ad_impressions') }}
    where channel in ('sms', 'push', 'email')
),

-- With `contact_cap` messages in `contact_cap_days` the next one waits until the oldest of these is so old.
capped as (
    select messages.customer_id, date_add(messages.shown_date, {{ var('contact_cap_days') }}) as free_from
    from messages
    inner join as_of on date_add(messages.shown_date, {{ var('contact_cap_days') }}) > as_of.as_of_date
    where messages.place = {{ var('contact_cap') }}
)

select
    scores.customer_id,
    greatest(scores.best_contact_date, capped.free_from) as best_contact_date,
    answers.hour as best_contact_hour,
    answers.channel,
    scores.contact_basis as basis,
    scores.contact_gain as expected_gain,
    scores.contact_gain_low as gain_low,
    scores.contact_gain_high as gain_high,
    scores.contact_good_from as good_from,
    scores.contact_good_until as good_until,
    answers.expected_rate as expected_click_rate,
    concat_ws('; ',
        scores.contact_reason,
        if(capped.free_from > scores.best_contact_date, concat('not before ', capped.free_from, ': enough messages'), null),
        coalesce(answers.reason, 'no consent to a channel')
    ) as reason
from scores
left join answers on scores.customer_id = answers.customer_id
left join capped on scores.customer_id = capped.customer_id
