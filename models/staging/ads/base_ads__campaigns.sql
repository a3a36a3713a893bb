{{ config(materialized='view') }}

{%- set columns = [
    'campaign_id', 'campaign_name', 'channel', 'objective', 'budget', 'starts_at', 'ends_at', 'currency',
] %}
{%- set absent = absent_columns(source('ads', 'ads_campaigns'), ['currency']) %}

with

raw_rows as (
    select
        {{ text_columns(columns, absent) }}
    from {{ source('ads', 'ads_campaigns') }}
),

typed as (
    select
        struct(*) as raw,
        campaign_id,
        campaign_name,
        {{ standard_spelling('channel', 'ad_channel') }} as channel,
        lower(objective) as objective,
        {{ parse_number('budget') }} as budget,
        {{ parse_timestamp('starts_at') }} as starts_at,
        {{ parse_timestamp('ends_at') }} as ends_at,
        upper(currency) as currency
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(required=['campaign_id'], others=currency_rules(absent)) }} as _reject_reason
    from typed
    {{ join_exchange_rates('typed.currency', business_date('typed.starts_at')) }}
)

select
    campaign_id,
    campaign_name,
    channel,
    objective,
    {{ converted('budget') }} as budget,
    {{ if_planned('starts_at') }} as starts_at,
    {{ if_planned('ends_at') }} as ends_at,
    currency,
    _reject_reason,
    {{ raw_row_json('ads', 'ads_campaigns', columns) }} as _raw_row,
    {{ row_rank('campaign_id', 'starts_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('campaign_id') }} as duplicate_rows
from checked
