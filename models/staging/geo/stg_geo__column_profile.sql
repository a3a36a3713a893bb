{%- set tables = {
    'geo_regions': {
        'city': 'name', 'province': 'name', 'latitude': 'coordinate', 'longitude': 'coordinate',
        'city_tier': 'text', 'population': 'whole', 'income_index': 'number',
    },
} -%}

{{ column_profile('geo', tables) }}
