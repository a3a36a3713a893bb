{%- set tables = {
    'geo_regions': {
        'text': ['city', 'province', 'city_tier'],
        'number': ['latitude', 'longitude', 'population', 'income_index'],
    },
} -%}

{{ column_profile('geo', tables) }}
