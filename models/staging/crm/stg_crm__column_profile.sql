{%- set tables = {
    'crm_customers': {
        'customer_id': 'key', 'name': 'name', 'phone': 'code', 'email': 'text', 'id_number': 'code',
        'gender': 'gender', 'birth_date': 'day', 'province': 'name', 'city': 'name', 'address': 'name',
        'membership_level': 'text', 'membership_expires_at': 'instant', 'registered_at': 'instant',
        'updated_at': 'instant',
    },
    'crm_consents': {
        'customer_id': 'key', 'purpose': 'text', 'channel': 'text', 'granted': 'boolean',
        'recorded_at': 'instant',
    },
    'crm_erasure_requests': {
        'request_id': 'key', 'customer_id': 'key', 'requested_at': 'instant',
    },
    'crm_service_tickets': {
        'ticket_id': 'key', 'customer_id': 'key', 'opened_at': 'instant', 'closed_at': 'instant',
        'topic': 'text', 'satisfaction': 'whole',
    },
    'crm_contracts': {
        'contract_id': 'key', 'customer_id': 'key', 'product': 'text', 'started_at': 'instant',
        'due_at': 'instant', 'settled_at': 'instant', 'amount': 'number',
    },
} -%}

{{ column_profile('crm', tables) }}
