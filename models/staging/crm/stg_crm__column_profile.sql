{%- set tables = {
    'crm_customers': {
        'text': ['customer_id', 'name', 'phone', 'email', 'id_number', 'province', 'city', 'address', 'membership_level'],
        'gender': ['gender'],
        'instant': ['birth_date', 'membership_expires_at', 'registered_at', 'updated_at'],
    },
    'crm_consents': {
        'text': ['customer_id', 'purpose', 'channel'],
        'boolean': ['granted'],
        'instant': ['recorded_at'],
    },
    'crm_erasure_requests': {
        'text': ['request_id', 'customer_id'],
        'instant': ['requested_at'],
    },
    'crm_service_tickets': {
        'text': ['ticket_id', 'customer_id', 'topic'],
        'instant': ['opened_at', 'closed_at'],
        'number': ['satisfaction'],
    },
    'crm_contracts': {
        'text': ['contract_id', 'customer_id', 'product'],
        'instant': ['started_at', 'due_at', 'settled_at'],
        'number': ['amount'],
    },
} -%}

{{ column_profile('crm', tables) }}
