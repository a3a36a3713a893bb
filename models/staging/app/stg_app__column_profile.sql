{%- set tables = {
    'app_events': {
        'text': ['event_id', 'customer_id', 'anonymous_id', 'event_type', 'product_id', 'category', 'device_type'],
        'instant': ['occurred_at'],
        'number': ['latitude', 'longitude'],
    },
    'app_experiments': {
        'text': ['experiment_id', 'customer_id', 'variant'],
        'instant': ['assigned_at'],
    },
} -%}

{{ column_profile('app', tables) }}
