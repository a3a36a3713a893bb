{%- set columns = {
    'campaign_id': 'key', 'campaign_name': 'name', 'channel': 'text', 'objective': 'text', 'budget': 'number',
    'starts_at': 'instant', 'ends_at': 'instant', 'currency': 'text',
} %}
{%- set absent = absent_columns(source('ads', 'ads_campaigns'), ['currency']) %}

with

raw_rows as (
    {{ raw_rows(source('ads', 'ads_campaigns'), columns, absent) }}
),

column_forms as (
    {{ column_forms(columns) }}
),

typed as (
    select
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ given_columns(columns) }} as given,
        {{ read_key('campaign_id') }} as campaign_id,
        campaign_name,
        {{ standard_spelling('channel', 'ad_channel') }} as channel,
        lower(objective) as objective,
        {{ read_number('budget') }} as budget,
        {{ read_instant('starts_at') }} as starts_at,
        {{ read_instant('ends_at') }} as ends_at,
        upper(currency) as currency
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        {{ reject_reason(columns, required=['campaign_id'], others=currency_rules(absent)) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
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
    _column_states,
    {{ row_rank('campaign_id', 'starts_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('campaign_id') }} as duplicate_rows
from checked
