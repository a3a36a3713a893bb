{#- Behaviour in app and web: visits that end with an order, with an abandoned cart or after some views. -#}

{%- macro demo_write_events(demo) -%}
{%- set query -%}
with events as ({{ demo_event_rows(demo) }})
select {{ demo_dirty_key('event_id') }}, {{ demo_dirty_reference('case when not is_anonymous then customer_id end', 'C999999999') }},
    anonymous_id, event_type, product_id, {{ demo_dirty_word('category') }}, {{ demo_dirty_time('occurred_on', 'occurred_second') }},
    case when dirt = 'null_value' then null else {{ demo_dirty_word('device_type') }} end,
    {{ demo_amount('latitude', 6) }}, {{ demo_amount('longitude', 6) }}
from events {{ demo_copies() }}
{%- endset -%}
{%- do demo_write_raw('app_events', query) -%}
{%- endmacro -%}


{#- Visits. Each order in app or web is the end of one visit with a cart; before it, in the month that leads up to it, come
    so many visits with an abandoned cart and without a cart that the funnel's rates hold. Prospects have visits too. -#}
{%- macro demo_session_rows(demo) -%}
{%- set funnel = demo_funnel() -%}
{%- set carts_per_order = (1 / funnel.order - 1) | round(9) -%}
{%- set views_per_order = (1 / (funnel.order * funnel.cart) - 1 / funnel.order) | round(9) -%}
with visitors as (
    select order_no as visitor_no, customer_no, customer_id, segment, taste_group, gender, home_latitude, home_longitude, registered_on, ordered_on, ordered_second,
        status, true as is_order,
        cast(floor({{ carts_per_order }}D + {{ demo_uniform('order_no', 'abandoned carts') }}) as int) as carts,
        cast(floor({{ views_per_order }}D + {{ demo_uniform('order_no', 'view sessions') }}) as int) as views
    from demo_truth.order_truth
    where channel <> 'store'
    union all
    select customer_no * 1000 as visitor_no, customer_no, customer_id, segment, taste_group, gender, home_latitude, home_longitude, registered_on,
        least(date'{{ demo.end }}', date_add(registered_on, 40)) as ordered_on, 0 as ordered_second,
        'none' as status, false as is_order,
        {{ demo_integer('customer_no', 'abandoned carts', 0, 1) }} as carts,
        {{ demo_integer('customer_no', 'view sessions', 1, 4) }} as views
    from demo_truth.customer_truth
    where segment = 'prospect'
),
sessions as (
    select *, case when n = 0 then 'order' when n <= carts then 'cart' else 'view' end as kind
    from visitors
    lateral view explode(sequence(case when is_order then 0 else 1 end, carts + views)) as n
)
select visitor_no, n as session_no, customer_no, customer_id, segment, taste_group, gender, home_latitude, home_longitude, kind, status,
    case when kind = 'order' then ordered_on
        else greatest(registered_on, date'{{ demo.start }}', date_sub(ordered_on, {{ demo_integer('visitor_no, n', 'session day', 1, 30) }})) end as started_on,
    case when kind = 'order' then greatest(ordered_second - 600, 0) else least({{ demo_second_of_day('visitor_no, n', 'session second') }}, 84000) end as started_second,
    kind = 'view' and {{ demo_uniform('visitor_no, n', 'anonymous') }} < 0.1D as is_anonymous,
    case when {{ demo_uniform('visitor_no, n', 'usual device') }} < 0.85D then {{ demo_choice('customer_no', 'device', demo_device_shares()) }}
        else {{ demo_choice('visitor_no, n', 'device', demo_device_shares()) }} end as device_type
from sessions
{%- endmacro -%}


{%- macro demo_device_shares() -%}
{%- set shares = [] -%}
{%- for device, coefficient, share in demo_devices() -%}{%- do shares.append([device, share]) -%}{%- endfor -%}
{{ return(shares) }}
{%- endmacro -%}


{#- Events of a visit in order, some forty seconds apart, without the products. The id begins with the day of arrival:
    later than the event's own day for late ones. -#}
{%- macro demo_event_key_rows(demo) -%}
with sessions as ({{ demo_session_rows(demo) }}),
events as (
    select s.*, event_no, event_type, {{ demo_dirt('app_events', 'visitor_no, session_no, event_no') }} as dirt
    from sessions as s
    lateral view posexplode(concat(
        array_repeat('login', cast({{ demo_uniform('visitor_no, session_no', 'login') }} < 0.15D and not is_anonymous as int)),
        array_repeat('search', cast({{ demo_uniform('visitor_no, session_no', 'search') }} < 0.2D as int)),
        array_repeat('view', {{ demo_integer('visitor_no, session_no', 'views', 1, 2) }}),
        array_repeat('favourite', cast({{ demo_uniform('visitor_no, session_no', 'favourite') }} < 0.08D and not is_anonymous as int)),
        array_repeat('cart', cast(kind <> 'view' as int)),
        array_repeat('remove_from_cart', cast(kind = 'cart' and {{ demo_uniform('visitor_no, session_no', 'remove') }} < 0.3D as int)),
        array_repeat('purchase', cast(kind = 'order' and status in ('completed', 'refunded') as int))
    )) as event_no, event_type
)
select *, concat('E', date_format(date_add(started_on, case when dirt = 'late' then {{ demo_integer('visitor_no, session_no, event_no', 'late days', 1, 5) }} else 0 end), 'yyyyMMdd'),
    '-', cast(visitor_no as string), '-', cast(session_no as string), '-', cast(event_no as string)) as event_id
from events
{%- endmacro -%}


{#- What is put into the cart was viewed just before; what is bought is the order's first line. -#}
{%- macro demo_event_rows(demo) -%}
with focused as (
    select *, year(started_on) * 12 + month(started_on) - 1 as month_no,
        kind <> 'view' and (event_type in ('cart', 'remove_from_cart', 'purchase') or event_type = 'view' and event_no % 2 = 0) as is_focus
    from ({{ demo_event_key_rows(demo) }}) as keys
),
tiered as (
    select *, case when is_focus and kind = 'order' then {{ demo_price_tier('visitor_no, 1', 'line tier') }}
        else {{ demo_price_tier('visitor_no, session_no', 'session tier') }} end as price_tier
    from focused
),
chosen as (
    select /*+ broadcast(c) */ e.visitor_no, e.session_no, e.event_no, e.event_id, e.customer_no, e.customer_id, e.home_latitude, e.home_longitude, e.event_type,
        e.started_on, e.started_second, e.is_anonymous, e.device_type, e.dirt,
        case when is_focus and kind = 'order' then {{ demo_chosen_product('visitor_no, 1', 'line product') }}
            when is_focus then {{ demo_chosen_product('visitor_no, session_no', 'session product') }}
            else {{ demo_chosen_product('visitor_no, session_no, event_no', 'viewed product') }} end as product_no
    from tiered as e
    inner join demo_truth.product_choice as c
        on c.taste_group = e.taste_group and c.gender = e.gender and c.price_tier = e.price_tier and c.month_no = e.month_no
)
select /*+ broadcast(p) */ c.event_id, c.customer_id, c.is_anonymous, concat('A', cast(c.customer_no * 31 + 7 as string)) as anonymous_id, c.event_type,
    case when c.event_type not in ('search', 'login') then p.product_id end as product_id,
    case when c.event_type <> 'login' then p.category end as category,
    c.started_on as occurred_on,
    least(86399, c.started_second + 40 * c.event_no + {{ demo_integer('visitor_no, session_no, event_no', 'event second', 0, 30) }}) as occurred_second,
    c.device_type,
    case when {{ demo_uniform('visitor_no, session_no', 'located') }} < 0.9D then c.home_latitude + 0.004D * {{ demo_uniform('visitor_no, session_no', 'latitude') }} - 0.002D end as latitude,
    case when {{ demo_uniform('visitor_no, session_no', 'located') }} < 0.9D then c.home_longitude + 0.004D * {{ demo_uniform('visitor_no, session_no', 'longitude') }} - 0.002D end as longitude,
    c.dirt
from chosen as c
inner join demo_truth.product_truth as p on p.product_no = c.product_no
{%- endmacro -%}
