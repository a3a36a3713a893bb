{#-
  Great-circle distance in km by the haversine formula, on a sphere of the Earth's mean radius 6371.0088 km (IUGG); coordinates
  in degrees. Good to 0.5%.
-#}
{% macro haversine_km(latitude, longitude, other_latitude, other_longitude) -%}
    2 * 6371.0088 * asin(least(1, sqrt(
        pow(sin(radians({{ other_latitude }} - {{ latitude }}) / 2), 2)
        + cos(radians({{ latitude }})) * cos(radians({{ other_latitude }}))
        * pow(sin(radians({{ other_longitude }} - {{ longitude }}) / 2), 2)
    )))
{%- endmacro %}
