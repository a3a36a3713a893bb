{#- A part of a whole, as a double; null without a whole. -#}
{% macro rate(part, whole) -%}
    cast({{ part }} as double) / cast(nullif({{ whole }}, 0) as double)
{%- endmacro %}


{#- Return on investment, revenue / cost; 0 where nothing was spent. -#}
{% macro roi(revenue, cost) -%}
    coalesce({{ rate(revenue, cost) }}, 0)
{%- endmacro %}


{#-
  What of `amount`, a decimal, has been given away after a share of it. Rounding the running total, and giving what is
  left to the last, makes the parts add up to the amount exactly; a part is this less that of the row before.
-#}
{% macro part_so_far(amount, share_so_far, is_last) -%}
    case
        when {{ is_last }} then {{ amount }}
        else cast(round(cast({{ amount }} as double) * round({{ share_so_far }}, 12), 4) as decimal(18, 4))
    end
{%- endmacro %}


{#- What each buyer spends in a year at the rate up to a day, as `clv_12m_simple` of customer_rfm. Reads `orders`, in which refunds are negative, and `as_of`. -#}
{% macro buyers_until(day) -%}
    select
        customer_id,
        cast(sum(amount) as double) / greatest(datediff({{ day }}, min(order_date)), 90) * 365 as clv
    from orders
    cross join as_of
    where order_date <= {{ day }}
    group by customer_id, {{ day }}
{%- endmacro %}


{#- A customer's value of a metric of `experiment_metrics`, of how often he did something and the sum of its amounts. -#}
{% macro experiment_value(times, amount) -%}
    cast(case aggregate
        when 'any' then if({{ times }} > 0, 1, 0)
        when 'count' then {{ times }}
        else {{ amount }}
    end as decimal(18, 4))
{%- endmacro %}
