{%- set tables = {
    'app_events': {
        'event_id': 'key', 'customer_id': 'key', 'anonymous_id': 'key', 'event_type': 'text',
        'product_id': 'key', 'category': 'text', 'occurred_at': 'instant', 'device_type': 'text',
        'latitude': 'coordinate', 'longitude': 'coordinate',
    },
    'app_experiments': {
        'experiment_id': 'key', 'customer_id': 'key', 'variant': 'text', 'assigned_at': 'instant',
    },
} -%}

{{ column_profile('app', tables) }}
