{#-
  The rows of a CTE and, as <amount>_before, the sum of `amount` over the rows of the same `series` with a lower `value`,
  and as <amount>_in_all the sum over the series. What a window over the whole series gives, but that sorts everybody in
  one task. Here about 200 of the values, the same ones in every run, cut a series into stretches, and the only sorts are
  within a stretch and of the stretches. Which values cut decides how even the work is, not the result.
    counts  a CTE with the columns below, one row per series and value
    value   anything that can be sorted, a struct too
-#}
{% macro running_sums(counts, series, value, amount) -%}
    with

    cuts as (
        select {{ series }}, array_sort(collect_list({{ value }})) as cuts
        from {{ counts }}
        where pmod(xxhash64({{ value }}), (select greatest(1, count(*) div 200) from {{ counts }})) = 0
        group by {{ series }}
    ),

    placed as (
        select counts.*, coalesce(size(filter(cuts.cuts, cut -> cut < counts.{{ value }})), 0) as stretch
        from {{ counts }} as counts
        left join cuts on counts.{{ series }} = cuts.{{ series }}
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
