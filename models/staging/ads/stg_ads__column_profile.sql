{%- set tables = {
    'ads_campaigns': {
        'text': ['campaign_id', 'campaign_name', 'channel', 'objective'],
        'number': ['budget'],
        'instant': ['starts_at', 'ends_at'],
    },
    'ads_impressions': {
        'text': ['impression_id', 'customer_id', 'campaign_id', 'channel', 'device_type', 'ad_position'],
        'instant': ['shown_at', 'clicked_at'],
        'number': ['cost', 'propensity'],
    },
} -%}

{{ column_profile('ads', tables) }}
