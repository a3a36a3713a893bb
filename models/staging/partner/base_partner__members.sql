-- Ephemeral: an unkeyed hash of a telephone number is as good as the number itself.
{{ config(materialized='ephemeral') }}

{%- set columns = [
    'partner', 'member_id', 'phone_hash', 'tier', 'points', 'updated_at',
] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
    from {{ source('partner', 'partner_members') }}
),

typed as (
    select
        struct(*) as raw,
        lower(partner) as partner,
        member_id,
        case when phone_hash rlike '^[0-9a-fA-F]{64}$' then lower(phone_hash) end as phone_hash,
        lower(tier) as tier,
        {{ parse_number('points', 'bigint') }} as points,
        {{ parse_timestamp('updated_at') }} as updated_at
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(
            required=['partner', 'member_id'],
            readable=['phone_hash'],
            known_at=['updated_at'],
            expires='partner_members.updated_at'
        ) }} as _reject_reason
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
    {{ row_rank('partner, member_id', 'updated_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('partner, member_id') }} as duplicate_rows
from checked
