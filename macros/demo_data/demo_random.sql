{#- Random draws without a random generator: each one hashes the row's keys and the name of the draw, so that a value
    depends on nothing but the row itself, whatever the engine, the partitions or the order of the rows. -#}

{#- Uniform in [0, 1): the upper 53 bits of the hash. -#}
{%- macro demo_uniform(keys, draw) -%}
(shiftrightunsigned(xxhash64({{ keys }}, '{{ draw }}'), 11) / 9007199254740992D)
{%- endmacro -%}


{#- Standard normal, by Box and Muller. -#}
{%- macro demo_normal(keys, draw) -%}
(sqrt(-2D * ln(greatest({{ demo_uniform(keys, draw ~ ' radius') }}, 1e-15D))) * cos(2D * pi() * {{ demo_uniform(keys, draw ~ ' angle') }}))
{%- endmacro -%}


{#- Integer, each of low..high equally likely; low and high may be SQL. -#}
{%- macro demo_integer(keys, draw, low, high) -%}
cast(floor({{ low }} + {{ demo_uniform(keys, draw) }} * ({{ high }} - {{ low }} + 1)) as int)
{%- endmacro -%}


{#- One of a list of [value, share] pairs; shares are whole hundredths and add up to 1. One draw looks up an array of a
    hundred constants, which costs less than a chain of comparisons with a hash in each. -#}
{%- macro demo_choice(keys, draw, pairs) -%}
element_at(concat({% for value, share in pairs %}array_repeat({{ demo_literal(value) }}, {{ (share * 100) | round | int }}){{ ', ' if not loop.last }}{% endfor %}), {{ demo_integer(keys, draw, 1, 100) }})
{%- endmacro -%}


{#- Element of a Jinja list, each equally likely. -#}
{%- macro demo_element(keys, draw, values) -%}
element_at(array({% for value in values %}{{ demo_literal(value) }}{{ ', ' if not loop.last }}{% endfor %}), {{ demo_integer(keys, draw, 1, values | length) }})
{%- endmacro -%}


{#- Second of the day of something people do, from 8:00 to midnight: triangular around 12:30 and, more often, 19:30. -#}
{%- macro demo_second_of_day(keys, draw) -%}
cast(case when {{ demo_uniform(keys, draw ~ ' peak') }} < 0.4D then 45000D else 70200D end
    + 16199D * ({{ demo_uniform(keys, draw ~ ' early') }} + {{ demo_uniform(keys, draw ~ ' late') }} - 1D) as int)
{%- endmacro -%}


{#- A Jinja value as SQL: text quoted, none as null, floats as doubles (plain 0.5 would be a decimal). -#}
{%- macro demo_literal(value) -%}
{%- if value is none -%} null
{%- elif value is string -%} '{{ value }}'
{%- elif value is boolean -%} {{ 'true' if value else 'false' }}
{%- elif value is float -%} {{ value }}D
{%- else -%} {{ value }}
{%- endif -%}
{%- endmacro -%}


{#- Rows of a Jinja list of lists as SQL `values`. -#}
{%- macro demo_values(rows) -%}
values
{%- for row in rows %}
    ({% for value in row %}{{ demo_literal(value) }}{{ ', ' if not loop.last }}{% endfor %}){{ ',' if not loop.last }}
{%- endfor %}
{%- endmacro -%}


{#- value of a row's key: {key: value} as a SQL case over `column`. -#}
{%- macro demo_lookup(column, pairs) -%}
case {{ column }}{% for key, value in pairs %} when {{ demo_literal(key) }} then {{ demo_literal(value) }}{% endfor %} end
{%- endmacro -%}
