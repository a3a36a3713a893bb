{#- Contracts with a due date, and the chance that each is still open on that day. -#}

{%- macro demo_write_contracts(demo) -%}
{%- do demo_write_truth('contract_truth', 'contract_no bigint, contract_id string, customer_no bigint, customer_id string, product string, amount double, started_on date, due_on date, overdue_probability double, settled_on date', demo_contract_truth(demo)) -%}
{%- set contracts -%}
select contract_id, customer_id, product, {{ demo_time('started_on', '36000') }}, {{ demo_time('due_on', '86399') }},
    case when settled_on <= date'{{ demo.end }}' then {{ demo_time('settled_on', '43200') }} end,
    {{ demo_amount('amount', 2) }}
from demo_truth.contract_truth
{%- endset -%}
{%- do demo_write_raw('crm_contracts', contracts) -%}
{%- endmacro -%}


{%- macro demo_contract_truth(demo) -%}
{%- set contracts, products = demo_contracts(), demo_contract_products() -%}
{%- set shares, terms, coefficients = [], [], [] -%}
{%- for product, share, term, coefficient in products -%}{%- do shares.append([product, share]) -%}{%- do terms.append([product, term * 1.0]) -%}{%- do coefficients.append([product, coefficient]) -%}{%- endfor -%}
with signed as (
    select customer_no, customer_id, registered_on, customer_no * 10 + n as contract_no
    from demo_truth.customer_truth
    lateral view explode(sequence(1, {{ demo_integer('customer_no', 'contracts', 1, contracts.most) }})) as n
    where {{ demo_uniform('customer_no', 'has contracts') }} < {{ demo_literal(contracts.customers) }}
),
drawn as (
    select *, date_add(greatest(registered_on, date'{{ demo.start }}'), cast(floor({{ demo_uniform('contract_no', 'contract day') }}
            * (1 + datediff(date'{{ demo.end }}', greatest(registered_on, date'{{ demo.start }}')))) as int)) as started_on,
        {{ demo_choice('contract_no', 'contract product', shares) }} as product,
        round({{ demo_literal(contracts.median_amount) }} * exp({{ demo_literal(contracts.sd_ln_amount) }} * {{ demo_normal('contract_no', 'contract amount') }}), 2) as amount
    from signed
),
hazards as (
    select *, cast({{ demo_lookup('product', terms) }} as int) as term_days,
        exp({{ demo_literal(contracts.intercept) }} - {{ demo_lookup('product', coefficients) }}
            - {{ demo_literal(contracts.ln_amount) }} * ln(amount / {{ demo_literal(contracts.median_amount) }})
            - {{ demo_literal(contracts.sd_customer) }} * {{ demo_normal('customer_no', 'lateness') }}) as hazard
    from drawn
)
select contract_no, concat('L', cast(contract_no as string)), customer_no, customer_id, product, amount, started_on, date_add(started_on, term_days),
    round(exp(-hazard), 6),
    date_add(started_on, cast(least(3650D, ceil(term_days * pow(-ln(1D - {{ demo_uniform('contract_no', 'settled') }}) / hazard, 1D / {{ demo_literal(contracts.shape) }}))) as int))
from hazards
{%- endmacro -%}
