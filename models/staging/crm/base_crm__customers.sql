{{ config(materialized='view') }}

{%- set columns = [
    'customer_id', 'name', 'phone', 'email', 'id_number', 'gender', 'birth_date', 'province', 'city', 'address',
    'membership_level', 'membership_expires_at', 'registered_at', 'updated_at',
] %}

with

raw_rows as (
    select
        {{ text_columns(columns) }}
    from {{ source('crm', 'crm_customers') }}
),

typed as (
    select
        struct(*) as raw,
        customer_id,
        {{ mask_name('name') }} as name_masked,
        {{ mask_phone('phone') }} as phone_masked,
        {{ mask_email('email') }} as email_masked,
        {{ mask_id_number('id_number') }} as id_number_masked,
        {{ standard_spelling('gender', 'gender', known_only=true) }} as gender,
        {{ business_date(parse_timestamp('birth_date')) }} as birth_date,
        province,
        city,
        lower(membership_level) as membership_level,
        {{ parse_timestamp('membership_expires_at') }} as membership_expires_at,
        {{ parse_timestamp('registered_at') }} as registered_at,
        {{ parse_timestamp('updated_at') }} as updated_at
    from raw_rows
),

checked as (
    select
        *,
        {{ reject_reason(required=['customer_id']) }} as _reject_reason,
        {{ raw_row_json('crm', 'crm_customers', columns) }} as _raw_row
    from typed
)

select
    customer_id,
    name_masked,
    phone_masked,
    email_masked,
    id_number_masked,
    gender,
    {{ if_past('birth_date', earliest='1900-01-01') }} as birth_date,
    province,
    city,
    membership_level,
    {{ if_planned('membership_expires_at') }} as membership_expires_at,
    {{ if_past('registered_at') }} as registered_at,
    {{ if_past('updated_at') }} as updated_at,
    _reject_reason,
    _raw_row,
    {{ row_rank('customer_id', 'updated_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('customer_id') }} as duplicate_rows
from checked
