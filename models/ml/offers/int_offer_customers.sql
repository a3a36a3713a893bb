-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_prediction') }}
with

features as (
    select * from {{ ref('int_uplift_customers') }} where experiment_id is null
),

consents as (
    select customer_id, can_sms, can_push, can_email from {{ ref('dim_customers') }} where can_profile
),

propensities as (
    select customer_id, purchase_probability from {{ ref('purchase_propensity') }}
),

order_values as (
    select customer_id, expected_order_value from {{ ref('customer_lifetime_value') }}
),

orders as (
    select order_id, order_date, net_amount from {{ ref('fct_orders') }} where not is_cancelled
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

recent_orders as (
    select orders.order_id, orders.net_amount
    from orders
    inner join as_of on orders.order_date > date_sub(as_of.as_of_date, 365) and orders.order_date <= as_of.as_of_date
),

margins as (
    select gross_margin from {{ ref('int_gross_margin') }}
),

averages as (
    select avg(cast(net_amount as double)) as order_value from recent_orders
),

contacts as (
    select impressions.customer_id, count(*) as contacts
    from {{ ref('fct_ad_impressions') }} as impressions
    inner join as_of
        on impressions.shown_date > date_sub(as_of.as_of_date, {{ var('contact_cap_days') }})
        and impressions.shown_date <= as_of.as_of_date
    where impressions.channel in ('sms', 'push', 'email')
    group by impressions.customer_id
)

select
    features.customer_id,
    features.gender,
    features.age,
    features.city_tier,
    features.registered_days,
    features.recency_days,
    features.frequency,
    features.monetary,
    features.orders_90d,
    features.visits_30d,
    consents.can_sms,
    consents.can_push,
    consents.can_email,
    propensities.purchase_probability,
    coalesce(order_values.expected_order_value, averages.order_value) as order_value,
    margins.gross_margin,
    cast(greatest({{ var('contact_cap') }} - coalesce(contacts.contacts, 0), 0) as double) as contacts_left
from features
inner join consents on features.customer_id = consents.customer_id
left join propensities on features.customer_id = propensities.customer_id
left join order_values on features.customer_id = order_values.customer_id
left join contacts on features.customer_id = contacts.customer_id
cross join margins
cross join averages
