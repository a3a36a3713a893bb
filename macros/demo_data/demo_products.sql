{#- Calendar, regions, stores, products, prices and stock: small tables whose size does not depend on the customers. -#}

{#- One row per day with the season's factor on orders, laid end to end on a "clock" of whole ticks: a tick drawn evenly
    between two days' ticks gives days in proportion to their factors. -#}
{%- macro demo_write_calendar(demo) -%}
{%- set wave = demo_yearly_wave() -%}
{%- set query -%}
with days as (
    select date_add(date'{{ demo.start }}', cast(id as int)) as on_date from range({{ demo.days + 1 }})
),
factors as (
    select on_date,
        element_at(array({% for factor in demo_weekday_factors() %}{{ demo_literal(factor) }}{{ ', ' if not loop.last }}{% endfor %}), weekday(on_date) + 1)
            * (1D + {{ demo_literal(wave.amplitude) }} * cos(2D * pi() * (dayofyear(on_date) - {{ wave.peak_day_of_year }}) / 365.25D))
            * (case date_format(on_date, 'MM-dd'){% for day, factor in demo_sales_days() %} when '{{ day }}' then {{ demo_literal(factor) }}{% endfor %} else 1D end) as order_factor
    from days
),
ticks as (
    select on_date, round(order_factor, 6) as order_factor, cast(round(100D * order_factor) as int) as day_ticks from factors
),
clock as (
    select on_date, order_factor, day_ticks, cast(sum(day_ticks) over (order by on_date) as int) as tick_to from ticks
)
select on_date, order_factor, tick_to - day_ticks as tick_from, tick_to,
    max(tick_to) over (order by on_date rows between current row and 6 following) as week_tick_to
from clock
{%- endset -%}
{%- do demo_write_truth('calendar', 'on_date date, order_factor double, tick_from int, tick_to int, week_tick_to int', query) -%}
{%- endmacro -%}


{#- The day of every tick of the clock. -#}
{%- macro demo_clock_ticks() -%}
select tick, on_date from demo_truth.calendar lateral view explode(sequence(tick_from, tick_to - 1)) as tick
{%- endmacro -%}


{#- city_no, city, province, latitude, longitude, city_tier, population, income_index, region_code -#}
{%- macro demo_city_rows() -%}
{%- set cities = [] -%}
{%- for city in demo_cities() -%}{%- do cities.append([loop.index] + city[:8]) -%}{%- endfor -%}
select * from {{ demo_values(cities) }}
as t(city_no, city, province, latitude, longitude, city_tier, population, income_index, region_code)
{%- endmacro -%}


{%- macro demo_write_regions() -%}
{%- set regions -%}
with cities as ({{ demo_city_rows() }})
select city, province, {{ demo_amount('latitude', 4) }}, {{ demo_amount('longitude', 4) }}, cast(city_tier as string),
    cast(population as string), {{ demo_amount('income_index', 1) }}
from cities
{%- endset -%}
{%- do demo_write_raw('geo_regions', regions) -%}

{%- set stores -%}
with cities as ({{ demo_city_rows() }}),
stores as (select id + 1 as store_no, cast(id div 2 + 1 as int) as city_no from range({{ demo_counts().stores }}))
select {{ demo_store_id('store_no') }}, concat(city, case when store_no % 2 = 1 then '中心店' else '万达店' end), city,
    {{ demo_amount('latitude + 0.02D * ' ~ demo_normal('store_no', 'store latitude'), 6) }},
    {{ demo_amount('longitude + 0.02D * ' ~ demo_normal('store_no', 'store longitude'), 6) }}
from stores inner join cities using (city_no)
{%- endset -%}
{%- do demo_write_raw('shop_stores', stores) -%}
{%- endmacro -%}


{%- macro demo_store_id(number) -%}concat('S', lpad(cast({{ number }} as string), 3, '0')){%- endmacro -%}
{%- macro demo_product_id(number) -%}concat('P', lpad(cast({{ number }} as string), 5, '0')){%- endmacro -%}


{%- macro demo_write_products(demo) -%}
{%- set categories = [] -%}
{%- for category in demo_categories() -%}{%- do categories.append([loop.index0, category[0], category[1], category[2], category[5], category[6]]) -%}{%- endfor -%}
{%- set tiers = [] -%}
{%- for tier, price in demo_price_tiers() -%}{%- do tiers.append([loop.index0, tier, price]) -%}{%- endfor -%}
{%- set groups = demo_taste().groups -%}
{#- Category, price tier, taste group and brand follow from the product's number, so that every combination has products. -#}
{%- set truth -%}
with categories as (select * from {{ demo_values(categories) }} as t(category_no, category, price_factor, elasticity, favoured_by, word)),
tiers as (select * from {{ demo_values(tiers) }} as t(tier_no, price_tier, median_price)),
products as (
    select id + 1 as product_no,
        cast(id % {{ categories | length }} as int) as category_no,
        cast(id div {{ categories | length }} % {{ tiers | length }} as int) as tier_no,
        cast((id div {{ categories | length * tiers | length }} + id) % {{ groups }} + 1 as int) as taste_group
    from range({{ demo_counts().products }})
)
select product_no, {{ demo_product_id('product_no') }}, category, price_tier, taste_group,
    concat(upper(substr(category, 1, 3)), '-', char(64 + taste_group)),
    concat(word, ' ', lpad(cast(product_no as string), 3, '0')),
    round(median_price * price_factor * exp(0.15D * {{ demo_normal('product_no', 'list price') }}), 1) - 0.1D,
    round(case when {{ demo_uniform('product_no', 'slow') }} < 0.05D then 0.05D else exp(0.5D * {{ demo_normal('product_no', 'popularity') }}) end, 6),
    {{ demo_uniform('product_no', 'slow') }} < 0.05D,
    {{ demo_uniform('product_no', 'out of stock') }} < 0.04D
from products inner join categories using (category_no) inner join tiers using (tier_no)
{%- endset -%}
{%- do demo_write_truth('product_truth', 'product_no bigint, product_id string, category string, price_tier string, taste_group int, brand string, product_name string, list_price double, popularity double, is_slow_moving boolean, is_out_of_stock boolean', truth) -%}

{%- set products -%}
with products as ({{ demo_product_rows() }})
select product_id, product_name, {{ demo_dirty_word('category') }}, case when dirt = 'null_value' then null else brand end,
    {{ demo_dirty_amount('list_price') }}, {{ demo_amount('list_price * (0.45D + 0.2D * ' ~ demo_uniform('product_no', 'unit cost') ~ ')') }},
    {{ demo_time("date_sub(date'" ~ demo.start ~ "', " ~ demo_integer('product_no', 'launched', 1, 900) ~ ')', '36000') }}
from products {{ demo_copies() }}
{%- endset -%}
{%- do demo_write_raw('shop_products', products) -%}

{#- A price holds for a calendar month. -#}
{%- set prices -%}
with months as (select distinct year(on_date) * 12 + month(on_date) - 1 as month_no from demo_truth.calendar),
ratios as (
    select product_no, product_id, list_price, month_no, {{ demo_choice('product_no, month_no', 'price ratio', demo_price_ratios()) }} as price_ratio
    from demo_truth.product_truth cross join months
)
select product_no, product_id, month_no, make_date(month_no div 12, month_no % 12 + 1, 1), price_ratio, round(list_price * price_ratio, 2)
from ratios
{%- endset -%}
{%- do demo_write_truth('product_prices', 'product_no bigint, product_id string, month_no int, month_start date, price_ratio double, unit_price double', prices) -%}

{%- do demo_write_truth('product_choice', 'taste_group int, gender string, price_tier string, month_no int, choices array<bigint>', demo_product_choice()) -%}

{%- set stock -%}
with stock as ({{ demo_inventory_rows(demo) }})
select store_id, product_id, cast(stock_date as string),
    case when dirt = 'not_available' then 'N/A' else cast(on_hand as string) end, cast(on_order as string)
from stock {{ demo_copies() }}
{%- endset -%}
{%- do demo_write_raw('shop_inventory', stock) -%}
{%- endmacro -%}


{%- macro demo_product_rows() -%}
select *, {{ demo_dirt('shop_products', 'product_no') }} as dirt from demo_truth.product_truth
{%- endmacro -%}


{#- What a customer of a taste group and gender picks from a price tier in a month: a thousand product numbers, each as
    often as its weight (popularity × taste × gender × price ratio ^ elasticity) says, so that one even draw is a choice. -#}
{%- macro demo_product_choice() -%}
{%- set taste = demo_taste() -%}
with customers as (
    select taste_group, gender
    from (select explode(sequence(1, {{ taste.groups }})) as taste_group) cross join (select explode(array('female', 'male')) as gender)
),
weights as (
    select c.taste_group, c.gender, p.price_tier, r.month_no, p.product_no,
        p.popularity * pow(r.price_ratio, e.elasticity)
            * case when c.gender = 'female' then e.weight_female else e.weight_male end
            * case when e.taste_group = c.taste_group then {{ demo_literal(taste.category_factor) }} else 1D end
            * case when p.taste_group = c.taste_group then {{ demo_literal(taste.product_factor) }} else 1D end as weight
    from demo_truth.product_truth as p
    inner join demo_truth.price_elasticities as e on e.category = p.category
    inner join demo_truth.product_prices as r on r.product_no = p.product_no
    cross join customers as c
),
cumulated as (
    select *, sum(weight) over (partition by taste_group, gender, price_tier, month_no order by product_no) as weight_to,
        sum(weight) over (partition by taste_group, gender, price_tier, month_no) as total
    from weights
),
slots as (
    select *, cast(round(1000D * weight_to / total) as int) - cast(round(1000D * (weight_to - weight) / total) as int) as slots from cumulated
)
select taste_group, gender, price_tier, month_no,
    flatten(transform(sort_array(collect_list(struct(product_no, slots))), s -> array_repeat(s.product_no, s.slots)))
from slots
group by taste_group, gender, price_tier, month_no
{%- endmacro -%}


{#- Draws a product from the `choices` of a joined product_choice. -#}
{%- macro demo_chosen_product(keys, draw) -%}
element_at(choices, cast(floor({{ demo_uniform(keys, draw) }} * size(choices)) as int) + 1)
{%- endmacro -%}


{#- Weekly counts of the last eight weeks; each store carries half of the products. -#}
{%- macro demo_inventory_rows(demo) -%}
with stores as (select id + 1 as store_no from range({{ demo_counts().stores }})),
weeks as (select date_sub(date'{{ demo.end }}', 7 * cast(id as int)) as stock_date, cast(id as int) as week_no from range(8)),
carried as (
    select store_no, product_no, product_id, popularity, is_slow_moving, is_out_of_stock, stock_date, week_no
    from demo_truth.product_truth cross join stores cross join weeks
    where {{ demo_uniform('store_no, product_no', 'carried') }} < 0.5D
)
select {{ demo_store_id('store_no') }} as store_id, product_id, stock_date,
    case when is_out_of_stock and week_no = 0 then 0
        when is_slow_moving then 80 + {{ demo_integer('store_no, product_no', 'slow stock', 0, 120) }}
        else {{ demo_integer('store_no, product_no, week_no', 'stock', 3, 60) }} end as on_hand,
    case when is_slow_moving then 0 else {{ demo_integer('store_no, product_no, week_no', 'on order', 0, 20) }} end as on_order,
    {{ demo_dirt('shop_inventory', 'store_no, product_no, week_no') }} as dirt
from carried
{%- endmacro -%}
