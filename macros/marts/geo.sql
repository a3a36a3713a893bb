{#-
  Kilometres between two points in degrees along the surface of the earth (haversine formula, mean radius 6371.0088 km),
  rounded, so that a machine's last bit decides nothing.
-#}
{% macro great_circle_km(latitude, longitude, other_latitude, other_longitude) -%}
    round(2 * 6371.0088 * asin(least(1, sqrt(
        pow(sin(radians({{ other_latitude }} - {{ latitude }}) / 2), 2)
        + cos(radians({{ latitude }})) * cos(radians({{ other_latitude }}))
        * pow(sin(radians({{ other_longitude }} - {{ longitude }}) / 2), 2)
    ))), 3)
{%- endmacro %}
