{#- Experiments, orders and their lines. -#}

{%- macro demo_write_orders(demo) -%}
{%- set experiments -%}
with assigned as ({{ demo_experiment_rows(demo) }})
select experiment_id, customer_id, variant, {{ demo_time('assigned_on', demo_second_of_day('customer_no, experiment_id', 'assigned')) }} from assigned
{%- endset -%}
{%- do demo_write_raw('app_experiments', experiments) -%}

{%- do demo_write_truth('order_truth', 'order_no bigint, order_id string, kind string, customer_no bigint, customer_id string, segment string, taste_group int, gender string, city_no int, home_latitude double, home_longitude double, registered_on date, ordered_on date, ordered_second int, channel string, status string, store_no int, campaign_no int, item_count int', demo_order_truth(demo)) -%}

{%- set orders -%}
with orders as ({{ demo_order_rows() }})
select {{ demo_dirty_key('order_id') }}, {{ demo_dirty_reference('customer_id', 'C999999999') }},
    case when store_no is not null then {{ demo_store_id('store_no') }} end, {{ demo_dirty_word('channel') }}, status,
    {{ demo_dirty_time('ordered_on', 'ordered_second') }},
    case when status in ('completed', 'refunded') then {{ demo_time('ordered_on', 'least(86399, ordered_second + paid_seconds)') }} end,
    {{ demo_dirty_amount('discount_amount') }},
    case when dirt = 'null_value' then null else {{ demo_amount('shipping_amount') }} end, coupon_id
from orders {{ demo_copies() }}
{%- endset -%}
{%- do demo_write_raw('shop_orders', orders) -%}

{%- set items -%}
with items as ({{ demo_order_item_rows() }})
select {{ demo_dirty_key('order_item_id') }}, {{ demo_dirty_reference('order_id', 'O999999999999') }}, product_id,
    cast(case when dirt = 'outlier' then quantity * 100 else quantity end as string), {{ demo_dirty_amount('unit_price') }}
from items {{ demo_copies() }}
{%- endset -%}
{%- do demo_write_raw('shop_order_items', items) -%}
{%- endmacro -%}


{#- Customers active throughout an experiment's window, split evenly whatever they are like. -#}
{%- macro demo_experiment_rows(demo) -%}
with experiments as (select * from {{ demo_values(demo_experiments()) }} as e(experiment_id, days_before_end, extra_order_probability)),
active as (
    select /*+ broadcast(e) */ t.*, e.experiment_id, e.extra_order_probability,
        date_sub(date_add(date'{{ demo.end }}', {{ demo_integer('t.customer_no, e.experiment_id', 'assigned day', 0, 2) }}), e.days_before_end) as assigned_on
    from demo_truth.customer_truth as t cross join experiments as e
)
select customer_no, customer_id, experiment_id, assigned_on, segment, taste_group, gender, city_no, home_latitude, home_longitude, registered_on,
    case when {{ demo_uniform('customer_no, experiment_id', 'variant') }} < 0.5D then 'A' else 'B' end as variant,
    {{ demo_uniform('customer_no, experiment_id', 'extra order') }} < extra_order_probability as orders_more_in_b
from active
where first_order_on < assigned_on and last_order_on >= date_add(assigned_on, {{ demo_experiment_days() }})
{%- endmacro -%}


{#- Orders of three kinds: `base` (a customer's first order, last order and those drawn between them on the calendar's
    clock), `experiment` (one more, caused by variant B) and `ad` (one more, caused by a click, with the campaign's coupon).
    The first and the last are always paid, so that a customer's recency does not hang on a cancellation. -#}
{%- macro demo_order_truth(demo) -%}
{%- set funnel = demo_funnel() -%}
with ticks as ({{ demo_clock_ticks() }}),
numbered as (
    select /*+ broadcast(f, l) */ t.*, n, f.tick_from + cast(floor({{ demo_uniform('customer_no, n', 'order day') }} * (l.tick_to - f.tick_from)) as int) as tick
    from demo_truth.customer_truth as t
    inner join demo_truth.calendar as f on f.on_date = t.first_order_on
    inner join demo_truth.calendar as l on l.on_date = t.last_order_on
    lateral view explode(sequence(1, order_count)) as n
),
base as (
    select /*+ broadcast(ticks) */ customer_no * 1000 + n as order_no, 'base' as kind, customer_no, customer_id, segment, taste_group, gender, city_no, home_latitude, home_longitude, registered_on,
        case n when order_count then last_order_on when 1 then first_order_on else ticks.on_date end as ordered_on,
        {{ demo_second_of_day('customer_no, n', 'order second') }} as ordered_second,
        n > 1 and n < order_count as may_fail, cast(null as int) as campaign_no
    from numbered inner join ticks on ticks.tick = numbered.tick
),
experiment as (
    select customer_no * 1000 + {{ demo_lookup('experiment_id', demo_experiment_numbers()) }} as order_no, 'experiment' as kind,
        customer_no, customer_id, segment, taste_group, gender, city_no, home_latitude, home_longitude, registered_on,
        date_add(assigned_on, {{ demo_integer('customer_no, experiment_id', 'extra order day', 1, demo_experiment_days() - 1) }}) as ordered_on,
        {{ demo_second_of_day('customer_no, experiment_id', 'order second') }} as ordered_second,
        false as may_fail, cast(null as int) as campaign_no
    from ({{ demo_experiment_rows(demo) }}) as assigned
    where variant = 'B' and orders_more_in_b
),
ad as (
    select t.customer_no * 1000 + 900 + i.impression_no % 1000 as order_no, 'ad' as kind,
        t.customer_no, t.customer_id, t.segment, t.taste_group, t.gender, t.city_no, t.home_latitude, t.home_longitude, t.registered_on,
        i.shown_on as ordered_on, least(86399, i.shown_second + i.click_seconds + {{ demo_integer('i.impression_no', 'order delay', 120, 7200) }}) as ordered_second,
        false as may_fail, i.campaign_no
    from demo_truth.impression_truth as i
    inner join demo_truth.customer_truth as t on t.customer_no = i.customer_no
    where i.is_converted
),
orders as (select * from base union all select * from experiment union all select * from ad),
places as (
    select *, case when kind = 'base' and city_no <= {{ demo_counts().stores // 2 }} and {{ demo_uniform('order_no', 'in store') }} < 0.35D
        then cast(2 * (city_no - 1) + 1 + customer_no % 2 as int) end as store_no
    from orders
)
select order_no, concat('O', lpad(cast(order_no as string), 12, '0')), kind, customer_no, customer_id, segment, taste_group, gender, city_no, home_latitude, home_longitude, registered_on,
    ordered_on, ordered_second,
    case when store_no is not null then 'store' when kind <> 'base' or {{ demo_uniform('order_no', 'channel') }} < 0.8D then 'app' else 'web' end,
    case when not may_fail then 'completed' else {{ demo_choice('order_no', 'status', [['cancelled', funnel.cancelled], ['created', funnel.unpaid], ['refunded', funnel.refunded], ['completed', 1 - funnel.cancelled - funnel.unpaid - funnel.refunded]]) }} end,
    store_no, campaign_no,
    cast(floor(1D + {{ demo_uniform('order_no', 'lines') }} * (2D * {{ demo_segment_value('segment', 6) }} - 1D)) as int)
from places
{%- endmacro -%}


{#- Order numbers of extra orders: 501 and up within a customer. -#}
{%- macro demo_experiment_numbers() -%}
{%- set numbers = [] -%}
{%- for experiment in demo_experiments() -%}{%- do numbers.append([experiment[0], 500 + loop.index]) -%}{%- endfor -%}
{{ return(numbers) }}
{%- endmacro -%}


{%- macro demo_order_rows() -%}
select *,
    case when kind = 'ad' then concat('CK', lpad(cast(campaign_no as string), 3, '0')) when {{ demo_uniform('order_no', 'coupon') }} < 0.06D then 'WELCOME' end as coupon_id,
    case when kind = 'ad' then 5D when {{ demo_uniform('order_no', 'coupon') }} < 0.06D then 3D else 0D end as discount_amount,
    case when store_no is not null then 0D else {{ demo_choice('order_no', 'shipping', [[0.0, 0.7], [6.0, 0.2], [10.0, 0.1]]) }} end as shipping_amount,
    {{ demo_integer('order_no', 'paid seconds', 5, 900) }} as paid_seconds,
    {{ demo_dirt('shop_orders', 'order_no') }} as dirt
from demo_truth.order_truth
{%- endmacro -%}


{#- Keys and defects of the lines, without what was bought. -#}
{%- macro demo_order_line_rows() -%}
select order_no, n, order_id, concat(order_id, '-', cast(n as string)) as order_item_id, segment, taste_group, gender,
    year(ordered_on) * 12 + month(ordered_on) - 1 as month_no, {{ demo_dirt('shop_order_items', 'order_no, n') }} as dirt
from demo_truth.order_truth lateral view explode(sequence(1, item_count)) as n
{%- endmacro -%}


{%- macro demo_order_item_rows() -%}
with lines as (
    select *, {{ demo_price_tier('order_no, n', 'line tier') }} as price_tier from ({{ demo_order_line_rows() }}) as keys
),
chosen as (
    select /*+ broadcast(c) */ l.order_no, l.order_id, l.order_item_id, l.n, l.month_no, l.dirt, {{ demo_chosen_product('order_no, n', 'line product') }} as product_no
    from lines as l
    inner join demo_truth.product_choice as c
        on c.taste_group = l.taste_group and c.gender = l.gender and c.price_tier = l.price_tier and c.month_no = l.month_no
)
select /*+ broadcast(p) */ c.order_item_id, c.order_id, p.product_id, p.unit_price,
    {{ demo_choice('c.order_no, c.n', 'quantity', [[1, 0.8], [2, 0.16], [3, 0.04]]) }} as quantity, c.dirt
from chosen as c
inner join demo_truth.product_prices as p on p.product_no = c.product_no and p.month_no = c.month_no
{%- endmacro -%}


{#- The price tier a row's segment picks. -#}
{%- macro demo_price_tier(keys, draw) -%}
case when {{ demo_uniform(keys, draw) }} < {{ demo_segment_value('segment', 7) }} then 'budget'
    when {{ demo_uniform(keys, draw) }} < {{ demo_segment_value('segment', 7) }} + {{ demo_segment_value('segment', 8) }} then 'mid' else 'premium' end
{%- endmacro -%}
