{%- set tables = {
    'partner_members': {
        'partner': 'text', 'member_id': 'key', 'phone_hash': 'code', 'tier': 'text', 'points': 'whole',
        'updated_at': 'instant',
    },
} -%}

{{ column_profile('partner', tables) }}
