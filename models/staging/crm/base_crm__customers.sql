-- Ephemeral: a view would show the plain values to whoever can read raw data through it.
{{ config(materialized='ephemeral') }}

{%- set columns = {
    'customer_id': 'key', 'name': 'name', 'phone': 'code', 'email': 'text', 'id_number': 'code', 'gender': 'text',
    'birth_date': 'day', 'province': 'name', 'city': 'name', 'address': 'name', 'membership_level': 'text',
    'membership_expires_at': 'instant', 'registered_at': 'instant', 'updated_at': 'instant',
} %}

with

raw_rows as (
    {{ raw_rows(source('crm', 'crm_customers'), columns) }}
),

column_forms as (
    {{ column_forms(columns) }}
),

typed as (
    select
        struct({{ columns | join(', ') }}) as raw,
        {{ ambiguous_columns(columns) }} as ambiguous,
        {{ given_columns(columns) }} as given,
        {{ read_key('customer_id') }} as customer_id,
        name,
        {{ mask_name('name') }} as name_masked,
        phone,
        {{ mask_phone('phone') }} as phone_masked,
        {{ phone_sha256('phone') }} as phone_sha256,
        email,
        {{ mask_email('email') }} as email_masked,
        {{ email_sha256('email') }} as email_sha256,
        id_number,
        {{ mask_id_number('id_number') }} as id_number_masked,
        address,
        {{ standard_spelling('gender', 'gender', known_only=true) }} as gender,
        {{ read_day('birth_date') }} as birth_date,
        province,
        city,
        lower(membership_level) as membership_level,
        {{ read_instant('membership_expires_at') }} as membership_expires_at,
        {{ read_instant('registered_at') }} as registered_at,
        {{ read_instant('updated_at') }} as updated_at
    from raw_rows
    cross join column_forms
),

checked as (
    select
        typed.*,
        {{ reject_reason(columns, required=['customer_id'], known_at=['registered_at', 'updated_at'], erasable=true) }} as _reject_reason,
        {{ column_states(columns) }} as _column_states
    from typed
    left join ({{ erased_customers() }}) as erased on typed.customer_id = erased.erased_customer_id
)

select
    customer_id,
    name,
    name_masked,
    phone,
    phone_masked,
    phone_sha256,
    email,
    email_masked,
    email_sha256,
    id_number,
    id_number_masked,
    address,
    gender,
    {{ if_past('birth_date', earliest='1900-01-01') }} as birth_date,
    province,
    city,
    membership_level,
    {{ if_planned('membership_expires_at') }} as membership_expires_at,
    {{ if_past('registered_at') }} as registered_at,
    {{ if_past('updated_at') }} as updated_at,
    _reject_reason,
    {{ raw_row_json('crm', 'crm_customers', columns) }} as _raw_row,
    _column_states,
    {{ row_rank('customer_id', 'updated_at desc nulls last') }} as _row_rank,
    {{ duplicate_rows('customer_id') }} as duplicate_rows
from checked
