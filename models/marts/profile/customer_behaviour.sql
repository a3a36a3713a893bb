-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_customer') }}
with

purchases as (
    select * from {{ ref('customer_rfm') }}
),

favourites as (
    select * from {{ ref('int_customer_favourites') }}
),

preferences as (
    select * from {{ ref('int_customer_preferences') }}
),

abandoned_carts as (
    select * from {{ ref('int_customer_abandoned_carts') }}
),

regions as (
    select * from {{ ref('int_customer_regions') }}
)

select
    purchases.customer_id,
    coalesce(favourites.recent_categories, cast(array() as array<string>)) as recent_categories,
    coalesce(abandoned_carts.cart_abandons_7d, 0) as cart_abandons_7d,
    coalesce(favourites.top_brands, cast(array() as array<string>)) as top_brands,
    -- A month is a twelfth of a year; the first counts as full.
    cast(coalesce(
        cast(purchases.monetary as double) / greatest(purchases.tenure_days * 12 / 365D, 1), 0
    ) as decimal(18, 4)) as avg_monthly_spend,
    purchases.tenure_days,
    preferences.preferred_hour,
    preferences.preferred_weekday,
    preferences.preferred_channel,
    preferences.preferred_device,
    preferences.preferred_price_band,
    preferences.preferred_category,
    regions.region,
    regions.region_province,
    regions.region_city_tier,
    regions.region_income_index,
    purchases.as_of_date
from purchases
left join favourites on purchases.customer_id = favourites.customer_id
left join preferences on purchases.customer_id = preferences.customer_id
left join abandoned_carts on purchases.customer_id = abandoned_carts.customer_id
left join regions on purchases.customer_id = regions.customer_id
