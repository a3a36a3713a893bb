-- Ephemeral: an unkeyed hash of a telephone number is as good as the number itself.
{{ config(materialized='ephemeral') }}

{%- set columns = {
    'partner': 'text', 'member_id': 'key', 'phone_hash': 'code', 'tier': 'text', 'points': 'whole',
    'updated_at': 'instant',
} %}

with

raw_rows as (
    {{ raw_rows(source('partner', 'partner_members'), columns) }}
),

column_forms as (
    {{ column_forms(columns) }}
),

typed as (
    select
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ given_columns(columns) }} as given,
        lower(partner) as partner,
        {{ read_key('member_id') }} as member_id,
        case when phone_hash rlike '^[0-9a-fA-F]{64}$' then lower(phone_hash) end as phone_hash,
        lower(tier) as tier,
        {{ read_whole('points') }} as points,
        {{ read_instant('updated_at') }} as updated_at
    from raw_rows
    cross join column_forms
),

checked as (
    select
        *,
        {{ reject_reason(
            columns,
            required=['partner', 'member_id'],
            readable=['phone_hash'],
            known_at=['updated_at'],
            expires='partner_members.updated_at'
        ) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
    from typed
)

select
    partner,
    member_id,
    phone_hash as phone_sha256,
    tier,
    points,
    {{ if_past('updated_at') }} as updated_at,
    _reject_reason,
    {{ raw_row_json('partner', 'partner_members', columns) }} as _raw_row,
    _column_states,
    {{ row_rank('partner, member_id', 'updated_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('partner, member_id') }} as duplicate_rows
from checked
