-- depends_on: {{ ref('gate_core') }}
with

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

orders as (
    select * from {{ ref('int_order_values') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

value_groups as (
    select * from {{ ref('rfm_value_groups') }}
),

purchases as (
    select
        orders.customer_id,
        min(orders.order_date) as first_order_date,
        max(orders.order_date) as last_order_date,
        count(*) as frequency,
        sum(orders.order_value) as monetary
    from orders
    group by orders.customer_id
),

bought as (
    select
        customers.customer_id,
        datediff(as_of.as_of_date, purchases.last_order_date) as recency_days,
        cast(coalesce(purchases.frequency, 0) as int) as frequency,
        cast(coalesce(purchases.monetary, 0) as decimal(18, 4)) as monetary,
        purchases.first_order_date,
        purchases.last_order_date,
        datediff(as_of.as_of_date, purchases.first_order_date) as tenure_days,
        as_of.as_of_date
    from customers
    cross join as_of
    left join purchases on customers.customer_id = purchases.customer_id
),

-- Who never bought is as far from the last purchase as anybody.
measured as (
    select
        bought.* except (recency_days),
        coalesce(bought.recency_days, farthest.recency_days, 0) as recency_days
    from bought
    cross join (select max(recency_days) as recency_days from bought) as farthest
),

counts as (
    select variable, value, count(*) as customers
    from measured
    lateral view stack(
        3,
        'recency_days', cast(recency_days as decimal(18, 4)),
        'frequency', cast(frequency as decimal(18, 4)),
        'monetary', monetary
    ) as variable, value
    group by variable, value
),

running as (
    {{ running_sums('counts', series='variable', value='value', stretch='floor(asinh(value) * 20)', amount='customers') }}
),

cuts as (
    select
        {{ rfm_cuts('recency_days', fewer_is_better=true) }},
        {{ rfm_cuts('frequency') }},
        {{ rfm_cuts('monetary') }}
    from running
),

scored as (
    select
        measured.*,
        {{ rfm_score('recency_days', fewer_is_better=true) }} as r_score,
        {{ rfm_score('frequency') }} as f_score,
        {{ rfm_score('monetary') }} as m_score,
        cuts.recency_days_average,
        cuts.frequency_average,
        cuts.monetary_average
    from measured
    cross join cuts
),

compared as (
    select
        *,
        r_score > recency_days_average as recent,
        f_score > frequency_average as frequent,
        m_score > monetary_average as valuable
    from scored
)

select
    compared.customer_id,
    compared.recency_days,
    compared.frequency,
    compared.monetary,
    compared.r_score,
    compared.f_score,
    compared.m_score,
    concat(compared.r_score, compared.f_score, compared.m_score) as rfm_cell,
    value_groups.value_group,
    value_groups.value_group_zh,
    compared.first_order_date,
    compared.last_order_date,
    compared.tenure_days,
    cast(compared.monetary / nullif(compared.frequency, 0) as decimal(18, 4)) as average_order_value,
    coalesce(cast(compared.monetary as double) / greatest(compared.tenure_days, 90) * 365, 0) as clv_12m_simple,
    compared.as_of_date
from compared
inner join value_groups
    on compared.recent = value_groups.recent
    and compared.frequent = value_groups.frequent
    and compared.valuable = value_groups.valuable
