{#-
  The rows of a CTE and, as <amount>_before, the sum of `amount` over the rows of the same `series` with a lower `value`,
  and as <amount>_in_all the sum over the series. What a window over the whole series gives, but that sorts everybody in
  one task. Here the only sorts are within a stretch of a series and of its stretches.
    counts   a CTE with the columns below, one row per series and value
    value    anything that can be sorted, a struct too
    stretch  a number that never falls as `value` rises, with some hundred different values: it decides how even the work
             is, not the result
-#}
{% macro running_sums(counts, series, value, stretch, amount) -%}
    with

    placed as (
        select *, {{ stretch }} as stretch from {{ counts }}
    ),

    stretches as (
        select
            {{ series }},
            stretch,
            sum(sum({{ amount }})) over (partition by {{ series }} order by stretch) - sum({{ amount }}) as before,
            sum(sum({{ amount }})) over (partition by {{ series }}) as in_all
        from placed
        group by {{ series }}, stretch
    )

    select
        placed.*,
        stretches.before - placed.{{ amount }} + sum(placed.{{ amount }}) over (
            partition by placed.{{ series }}, placed.stretch order by placed.{{ value }}
        ) as {{ amount }}_before,
        stretches.in_all as {{ amount }}_in_all
    from placed
    inner join stretches on placed.{{ series }} = stretches.{{ series }} and placed.stretch = stretches.stretch
{%- endmacro %}


{#-
  The number, from 1, of the part in which a row falls when rows are dealt in order into `parts` as equal as can be, the first
  ones larger: what ntile(parts) gives. before: the rows before it; in_all: all rows.
-#}
{% macro part_number(before, in_all, parts) -%}
    {%- set size, larger = '(' ~ in_all ~ ' div ' ~ parts ~ ')', '(' ~ in_all ~ ' % ' ~ parts ~ ')' -%}
    cast(
        1 + greatest(
            {{ before }} div ({{ size }} + 1),
            coalesce(try_divide({{ before }} - {{ larger }}, {{ size }}), 0)
        ) as int
    )
{%- endmacro %}
