with

customers as (
    {{ known_customers() }}
),

links as (
    {{ link('stg_crm__service_tickets', 'customer_id', 'customers') }}
    union all
    {{ link('stg_crm__consents', 'customer_id', 'customers') }}
    union all
    {{ link('stg_crm__contracts', 'customer_id', 'customers') }}
),

{{ judged_links('links') }}
