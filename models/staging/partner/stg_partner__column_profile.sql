{%- set tables = {
    'partner_members': {
        'text': ['partner', 'member_id', 'phone_hash', 'tier'],
        'number': ['points'],
        'instant': ['updated_at'],
    },
} -%}

{{ column_profile('partner', tables) }}
