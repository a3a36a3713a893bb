{%- set tables = {
    'ads_campaigns': {
        'campaign_id': 'key', 'campaign_name': 'name', 'channel': 'text', 'objective': 'text',
        'budget': 'number', 'starts_at': 'instant', 'ends_at': 'instant', 'currency': 'text',
    },
    'ads_impressions': {
        'impression_id': 'key', 'customer_id': 'key', 'campaign_id': 'key', 'channel': 'text',
        'device_type': 'text', 'ad_position': 'text', 'shown_at': 'instant', 'clicked_at': 'instant',
        'cost': 'number', 'propensity': 'number', 'currency': 'text',
    },
} -%}

{{ column_profile('ads', tables) }}
