{{ config(materialized='view') }}

{%- set columns = [
    'impression_id', 'customer_id', 'campaign_id', 'channel', 'device_type', 'ad_position', 'shown_at', 'clicked_at',
    'cost', 'propensity', 'currency',
] %}
{%- set absent = absent_columns(source('ads', 'ads_impressions'), ['propensity', 'currency']) %}

with

raw_rows as (
    select
        {{ text_columns(columns, absent) }}
    from {{ source('ads', 'ads_impressions') }}
),

erased as (
    {{ erased_customers() }}
),

typed as (
    select
        struct(*) as raw,
        impression_id,
        customer_id,
        campaign_id,
        {{ standard_spelling('channel', 'ad_channel') }} as channel,
        {{ standard_spelling('device_type', 'device_type') }} as device_type,
        lower(ad_position) as ad_position,
        {{ parse_timestamp('shown_at') }} as shown_at,
        {{ parse_timestamp('clicked_at') }} as clicked_at,
        {{ parse_number('cost') }} as cost,
        {{ parse_number('propensity', 'double') }} as propensity,
        upper(currency) as currency
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(
            required=['impression_id'],
            readable=['cost'],
            instants=['shown_at'],
            others=currency_rules(absent),
            erasable=true,
            expires='ads_impressions.shown_at'
        ) }} as _reject_reason
    from typed
    left join erased on typed.customer_id = erased.erased_customer_id
    {{ join_exchange_rates('typed.currency', business_date('typed.shown_at')) }}
)

select
    impression_id,
    customer_id,
    campaign_id,
    channel,
    device_type,
    ad_position,
    {{ if_past('shown_at') }} as shown_at,
    case when clicked_at >= shown_at then {{ if_past('clicked_at') }} end as clicked_at,
    {{ converted('cost') }} as cost,
    case when propensity > 0 and propensity <= 1 then propensity end as propensity,
    raw.propensity is not null and not coalesce(propensity > 0 and propensity <= 1, false) as is_unusable_propensity,
    currency,
    _reject_reason,
    {{ raw_row_json('ads', 'ads_impressions', columns) }} as _raw_row,
    {{ row_rank('impression_id', 'clicked_at desc nulls last, shown_at desc') }} as _row_rank,
    {{ duplicate_rows('impression_id') }} as duplicate_rows
from checked
