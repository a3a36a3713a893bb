-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_customer') }}
{#
  Nothing after a snapshot's day enters but the label: every fact is joined on `day <= snapshot_date`. The membership level is
  no feature: a CRM says what it is now, and where its history begins after the snapshot the gap itself tells the future.
#}
{% set horizon = var('propensity_horizon_days') %}
with

snapshots as (
    select * from {{ ref('int_snapshots') }}
),

-- Known at a snapshot: whoever was registered by then. Who has no date of registration counts from the first fact.
customers as (
    select
        customer_id, gender, age, city_tier, can_profile, registered_on
    from {{ ref('dim_customers') }}
    where can_profile
),

orders as (
    select customer_id, order_date, net_amount from {{ ref('fct_orders') }} where not is_cancelled
),

-- Visits that a device told later whose they were were nobody's at the time.
sessions as (
    select * from {{ ref('fct_sessions') }} where identified_by = 'login'
),

impressions as (
    select customer_id, shown_date, is_clicked from {{ ref('fct_ad_impressions') }}
),

purchases as (
    select
        snapshots.snapshot_date,
        orders.customer_id,
        datediff(snapshots.snapshot_date, max(orders.order_date)) as recency_days,
        datediff(snapshots.snapshot_date, min(orders.order_date)) as tenure_days,
        count(*) as frequency,
        sum(orders.net_amount) as monetary,
        {{ count_within('orders.order_date', 30) }} as orders_30d,
        {{ count_within('orders.order_date', 90) }} as orders_90d
    from orders
    inner join snapshots on orders.order_date <= snapshots.snapshot_date
    group by snapshots.snapshot_date, orders.customer_id
),

visits as (
    select
        snapshots.snapshot_date,
        sessions.customer_id,
        datediff(snapshots.snapshot_date, max(sessions.session_date)) as days_since_visit,
        {{ count_within('sessions.session_date', 7) }} as visits_7d,
        {{ count_within('sessions.session_date', 30) }} as visits_30d,
        {{ count_within('sessions.session_date', 30, 'sessions.carts > 0') }} as cart_visits_30d
    from sessions
    inner join snapshots on sessions.session_date <= snapshots.snapshot_date
    group by snapshots.snapshot_date, sessions.customer_id
),

contacts as (
    select
        snapshots.snapshot_date,
        impressions.customer_id,
        {{ count_within('impressions.shown_date', 90) }} as impressions_90d,
        {{ count_within('impressions.shown_date', 90, 'impressions.is_clicked') }} as clicks_90d
    from impressions
    inner join snapshots on impressions.shown_date <= snapshots.snapshot_date
    group by snapshots.snapshot_date, impressions.customer_id
),

-- The label.
buyers as (
    select distinct snapshots.snapshot_date, orders.customer_id
    from orders
    inner join snapshots
        on orders.order_date > snapshots.snapshot_date
        and orders.order_date <= date_add(snapshots.snapshot_date, {{ horizon }})
)

select
    snapshots.snapshot_date,
    snapshots.is_newest,
    customers.customer_id,
    customers.gender,
    cast(customers.age as double) as age,
    {{ age_band('customers.age') }} as age_band,
    cast(customers.city_tier as string) as city_tier,
    cast(datediff(snapshots.snapshot_date, customers.registered_on) as double) as registered_days,
    cast(purchases.recency_days as double) as recency_days,
    cast(purchases.tenure_days as double) as tenure_days,
    cast(coalesce(purchases.frequency, 0) as double) as frequency,
    cast(coalesce(purchases.monetary, 0) as double) as monetary,
    cast(coalesce(purchases.orders_30d, 0) as double) as orders_30d,
    cast(coalesce(purchases.orders_90d, 0) as double) as orders_90d,
    cast(visits.days_since_visit as double) as days_since_visit,
    cast(coalesce(visits.visits_7d, 0) as double) as visits_7d,
    cast(coalesce(visits.visits_30d, 0) as double) as visits_30d,
    cast(coalesce(visits.cart_visits_30d, 0) as double) as cart_visits_30d,
    cast(coalesce(contacts.impressions_90d, 0) as double) as impressions_90d,
    cast(coalesce(contacts.clicks_90d, 0) as double) as clicks_90d,
    if(snapshots.is_newest, null, buyers.customer_id is not null) as has_purchased
from customers
cross join snapshots
left join purchases
    on customers.customer_id = purchases.customer_id and snapshots.snapshot_date = purchases.snapshot_date
left join visits
    on customers.customer_id = visits.customer_id and snapshots.snapshot_date = visits.snapshot_date
left join contacts
    on customers.customer_id = contacts.customer_id and snapshots.snapshot_date = contacts.snapshot_date
left join buyers
    on customers.customer_id = buyers.customer_id and snapshots.snapshot_date = buyers.snapshot_date
where
    snapshots.is_newest
    or customers.registered_on <= snapshots.snapshot_date
    or purchases.customer_id is not null
