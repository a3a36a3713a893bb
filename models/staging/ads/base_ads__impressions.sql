{%- set columns = {
    'impression_id': 'key', 'customer_id': 'key', 'campaign_id': 'key', 'channel': 'text', 'device_type': 'text',
    'ad_position': 'text', 'shown_at': 'instant', 'clicked_at': 'instant', 'cost': 'number', 'propensity': 'number',
    'currency': 'text',
} %}
{%- set absent = absent_columns(source('ads', 'ads_impressions'), ['propensity', 'currency']) %}

with

raw_rows as (
    {{ raw_rows(source('ads', 'ads_impressions'), columns, absent) }}
),

column_forms as (
    {{ column_forms(columns) }}
),

erased as (
    {{ erased_customers() }}
),

typed as (
    select
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ given_columns(columns) }} as given,
        {{ read_key('impression_id') }} as impression_id,
        {{ read_key('customer_id') }} as customer_id,
        {{ read_key('campaign_id') }} as campaign_id,
        {{ standard_spelling('channel', 'ad_channel') }} as channel,
        {{ standard_spelling('device_type', 'device_type') }} as device_type,
        lower(ad_position) as ad_position,
        {{ read_instant('shown_at') }} as shown_at,
        {{ read_instant('clicked_at') }} as clicked_at,
        {{ read_number('cost') }} as cost,
        {{ read_number('propensity', 'double') }} as propensity,
        upper(currency) as currency
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        {{ reject_reason(
            columns,
            required=['impression_id'],
            readable=['cost'],
            instants=['shown_at'],
            others=currency_rules(absent),
            erasable=true,
            expires='ads_impressions.shown_at'
        ) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
    from typed
    left join erased on typed.customer_id = erased.erased_customer_id
    {{ join_exchange_rates('typed.currency', business_date('typed.shown_at')) }}
)

select
    {{ unless_withheld('impression_id') }} as impression_id,
    {{ unless_withheld('customer_id') }} as customer_id,
    {{ unless_withheld('campaign_id') }} as campaign_id,
    {{ unless_withheld('channel') }} as channel,
    {{ unless_withheld('device_type') }} as device_type,
    {{ unless_withheld('ad_position') }} as ad_position,
    {{ unless_withheld(if_past('shown_at')) }} as shown_at,
    {{ unless_withheld('case when clicked_at >= shown_at then ' ~ if_past('clicked_at') ~ ' end') }} as clicked_at,
    {{ unless_withheld(converted('cost')) }} as cost,
    {{ unless_withheld('case when propensity > 0 and propensity <= 1 then propensity end') }} as propensity,
    {{ unless_withheld('raw.propensity is not null and not coalesce(propensity > 0 and propensity <= 1, false)') }} as is_unusable_propensity,
    {{ unless_withheld('currency') }} as currency,
    _reject_reason,
    {{ raw_row_json('ads', 'ads_impressions', columns) }} as _raw_row,
    _column_states,
    {{ row_rank('impression_id', 'clicked_at desc nulls last, shown_at desc') }} as _row_rank,
    {{ duplicate_rows('impression_id') }} as duplicate_rows
from checked
