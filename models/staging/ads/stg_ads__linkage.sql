with

customers as (
    {{ known_customers() }}
),

campaigns as (
    {{ known_keys('ads', 'ads_campaigns', 'campaign_id') }}
),

links as (
    {{ link('stg_ads__impressions', 'customer_id', 'customers') }}
    union all
    {{ link('stg_ads__impressions', 'campaign_id', 'campaigns') }}
),

{{ judged_links('links') }}
