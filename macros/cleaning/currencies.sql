{#-
  Amounts in several currencies. With var('reporting_currency') every amount is converted in `base_` models, at the newest rate of
  `fx_rates` on or before its day; a row whose currency has no rate by then is rejected, for one to one would be made up.
  An empty currency is the reporting one. Without the variable amounts are in one currency, and nothing is
  converted: where a table names several, the rows that name one are rejected.

  A base model that has a column `currency`
    1. joins the rates:                   from typed {{ join_exchange_rates('typed.currency', <the day of the row>) }}
    2. passes to reject_reason:           others=currency_rules(absent)
    3. selects the rate and the amounts:  {{ exchange_rate() }}, {{ converted('amount') }}
-#}

{% macro join_exchange_rates(currency, day) -%}
    {%- if var('reporting_currency') -%}
    {#- What is converted waits for the gate of the rates. -#}
    {%- do ref('gate_fx') -%}
    left join (
        select
            currency as rate_currency,
            rate,
            rate_date as rate_from,
            coalesce(lead(rate_date) over (partition by currency order by rate_date), date '9999-12-31') as rate_until
        from {{ ref('stg_fx__rates') }}
    ) as rates
        on {{ currency }} = rates.rate_currency
        and coalesce({{ day }}, date '9999-12-30') >= rates.rate_from
        and coalesce({{ day }}, date '9999-12-30') < rates.rate_until
    {%- endif -%}
{%- endmacro %}


{#- Rules for reject_reason; none where `currency` is among the `absent` columns. Expects the CTE raw_rows. -#}
{% macro currency_rules(absent) -%}
    {%- if 'currency' in absent -%} {{ return({}) }} {%- endif -%}
    {%- if var('reporting_currency') -%}
        {{ return({'currency: no rate': exchange_rate() ~ ' is null'}) }}
    {%- endif -%}
    {{ return({
        'currency: no reporting_currency':
            'currency is not null and (select count(distinct upper(currency)) from raw_rows) > 1'
    }) }}
{%- endmacro %}


{#- What one unit of the row's currency is worth in the reporting currency, as double; null where that is not known. -#}
{% macro exchange_rate() -%}
    {%- if var('reporting_currency') -%}
        {%- set reporting = text_literal(var('reporting_currency') | upper) -%}
        if(coalesce(currency, {{ reporting }}) = {{ reporting }}, 1D, rate)
    {%- else -%}
        1D
    {%- endif -%}
{%- endmacro %}


{#- An amount, a decimal, in the reporting currency: at a rate, by default that of the row. -#}
{% macro converted(amount, at=none) -%}
    {%- if var('reporting_currency') -%}
        {%- set at = at or exchange_rate() %}
        case
            when {{ at }} = 1 then {{ amount }}
            else try_cast(round(cast({{ amount }} as double) * {{ at }}, 4) as decimal(18, 4))
        end
    {%- else -%}
        {{ amount }}
    {%- endif -%}
{%- endmacro %}
