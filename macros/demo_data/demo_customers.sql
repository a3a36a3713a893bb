{#- Customers with their hidden truth, consents, erasure requests, service tickets and partner members. -#}

{%- macro demo_write_customers(demo) -%}
{%- do demo_write_truth('customer_truth', 'customer_no bigint, customer_id string, segment string, taste_group int, gender string, birth_date date, city_no int, membership_level string, tenure_years_at_entry double, is_dissatisfied boolean, log_hazard_ratio double, registered_on date, entry_on date, is_churned boolean, churn_on date, order_count int, first_order_on date, last_order_on date, home_latitude double, home_longitude double', demo_customer_truth(demo)) -%}

{%- set customers -%}
with customers as ({{ demo_customer_rows(demo) }})
select {{ demo_dirty_key('customer_id') }}, name,
    case when dirt = 'phone_format' then concat('+86 ', substr(phone, 1, 3), '-', substr(phone, 4, 4), '-', substr(phone, 8, 4)) else phone end,
    case when dirt = 'null_value' then null else email end, id_number, gender, cast(birth_date as string), province, city,
    case when copy_no = 2 then concat('旧址', address) else address end,
    case when copy_no = 2 then 'normal' else {{ demo_dirty_word('membership_level') }} end,
    cast(membership_expires_on as string),
    {{ demo_dirty_time('registered_on', 'registered_second') }},
    {{ demo_time('case when copy_no = 2 then date_sub(updated_on, 30) else updated_on end', '79200') }}
from customers {{ demo_copies() }}
{%- endset -%}
{%- do demo_write_raw('crm_customers', customers) -%}

{%- set consents -%}
with consents as ({{ demo_consent_rows(demo) }})
select {{ demo_dirty_key('customer_id') }}, purpose, {{ demo_dirty_word('channel') }}, granted, {{ demo_time('recorded_on', '50000') }}
from consents {{ demo_copies() }}
{%- endset -%}
{%- do demo_write_raw('crm_consents', consents) -%}

{%- set erasures -%}
select concat('R', substr(customer_id, 2)), customer_id,
    {{ demo_time("date_sub(date'" ~ demo.end ~ "', " ~ demo_integer('customer_no', 'erasure day', 1, 10) ~ ')', '40000') }}
from demo_truth.customer_truth
where {{ demo_uniform('customer_no', 'erasure') }} < 0.01D
{%- endset -%}
{%- do demo_write_raw('crm_erasure_requests', erasures) -%}

{%- set tickets -%}
with tickets as ({{ demo_ticket_rows(demo) }})
select {{ demo_dirty_key('ticket_id') }}, customer_id,
    case when dirt = 'not_available' then {{ demo_time('opened_on', 'opened_second') }} else {{ demo_dirty_time('opened_on', 'opened_second') }} end,
    case when open_days < 10 then {{ demo_time('date_add(opened_on, open_days)', 'opened_second') }} end, topic,
    case when dirt = 'not_available' then 'N/A' else cast(satisfaction as string) end
from tickets {{ demo_copies() }}
{%- endset -%}
{%- do demo_write_raw('crm_service_tickets', tickets) -%}
{%- endmacro -%}


{#- One row per customer. How segments come about: prospects never buy; promising customers registered within the last
    months; established ones live by a Weibull hazard in proportion to their covariates, counted from entry (registration,
    or the start of the history if that is later). Those who are lost were heavy (at_risk) or light (occasional) buyers,
    those who stay are champions or loyal, both whatever the covariates, so that the hazards stay proportional. -#}
{%- macro demo_customer_truth(demo) -%}
{%- set hazards = demo_churn_hazards() -%}
{%- set levels = [] -%}
{%- for covariate, level, coefficient in hazards if covariate == 'membership_level' -%}{%- do levels.append([level, coefficient]) -%}{%- endfor -%}
{%- set coefficients = {} -%}
{%- for covariate, level, coefficient in hazards if covariate != 'membership_level' -%}{%- do coefficients.update({covariate: coefficient}) -%}{%- endfor -%}
{%- set cities = [] -%}
{%- for city in demo_cities() -%}{%- do cities.append([loop.index, city[8]]) -%}{%- endfor -%}
with numbered as (select id + 1 as customer_no from range({{ demo.customers }})),
drawn as (
    select customer_no,
        concat('C', lpad(cast(customer_no as string), 9, '0')) as customer_id,
        {{ demo_choice('customer_no', 'beginning', demo_beginnings()) }} as beginning,
        {{ demo_integer('customer_no', 'taste', 1, demo_taste().groups) }} as taste_group,
        {{ demo_choice('customer_no', 'gender', [['female', 0.55], ['male', 0.45]]) }} as gender,
        date_sub(date'{{ demo.end }}', 6600 + cast(floor(pow({{ demo_uniform('customer_no', 'age') }}, 1.4D) * 18500D) as int)) as birth_date,
        cast({{ demo_choice('customer_no', 'city', cities) }} as int) as city_no,
        {{ demo_choice('customer_no', 'level', demo_membership_levels()) }} as membership_level,
        {{ demo_uniform('customer_no', 'dissatisfied') }} < 0.15D as is_dissatisfied
    from numbered
),
registered as (
    select *,
        case beginning
            when 'prospect' then date_add(date'{{ demo.start }}', {{ demo_integer('customer_no', 'registered', 0, demo.days - 10) }})
            when 'promising' then date_sub(date'{{ demo.end }}', {{ demo_integer('customer_no', 'registered', 25, 75) }})
            else case when {{ demo_uniform('customer_no', 'registered before') }} < 0.65D
                then date_sub(date'{{ demo.start }}', {{ demo_integer('customer_no', 'registered', 1, 1800) }})
                else date_add(date'{{ demo.start }}', {{ demo_integer('customer_no', 'registered', 0, demo.days - 170) if demo.days > 200 else 0 }}) end
        end as registered_on
    from drawn
),
entered as (
    select *, greatest(registered_on, date'{{ demo.start }}') as entry_on,
        round(greatest(datediff(date'{{ demo.start }}', registered_on), 0) / 365.25D, 3) as tenure_years_at_entry
    from registered
),
hazards as (
    select *,
        round({{ demo_lookup('membership_level', levels) }}
            + case when is_dissatisfied then {{ demo_literal(coefficients.is_dissatisfied) }} else 0D end
            + {{ demo_literal(coefficients.tenure_years_at_entry) }} * tenure_years_at_entry, 6) as log_hazard_ratio
    from entered
),
lifetimes as (
    select *, cast(least(100000D, ceil({{ demo_literal(demo_weibull().scale_days) }}
        * pow(-ln(1D - {{ demo_uniform('customer_no', 'lifetime') }}) * exp(-log_hazard_ratio), 1D / {{ demo_literal(demo_weibull().shape) }}))) as int) as lifetime_days
    from hazards
),
lives as (
    select *, beginning = 'established' and date_add(entry_on, lifetime_days) < date'{{ demo.lost_until }}' as is_churned from lifetimes
),
segmented as (
    select *,
        case when beginning <> 'established' then beginning
            when is_churned and lifetime_days >= 45 and {{ demo_uniform('customer_no', 'heavy') }} < 0.5D then 'at_risk'
            when is_churned then 'occasional'
            when {{ demo_uniform('customer_no', 'heavy') }} < 0.39D then 'champions'
            else 'loyal' end as segment
    from lives
),
counted as (
    select *,
        case when segment = 'prospect' then 0
            else cast(greatest(1D, round(exp(ln({{ demo_segment_value('segment', 2) }}) + {{ demo_segment_value('segment', 3) }} * {{ demo_normal('customer_no', 'orders') }}))) as int) end as order_count,
        case when is_churned then date_add(entry_on, lifetime_days)
            when segment <> 'prospect' then greatest(entry_on, date_sub(date'{{ demo.end }}', cast(round(
                exp(ln({{ demo_segment_value('segment', 4) }}) + {{ demo_segment_value('segment', 5) }} * {{ demo_normal('customer_no', 'recency') }})) as int))) end as ends_on,
        date_add(entry_on, {{ demo_integer('customer_no', 'first order', 0, 6) }}) as begins_on
    from segmented
),
{#- The first and the last order fall on a day of the week that suits: drawn from the calendar's clock over seven days. -#}
ticks as ({{ demo_clock_ticks() }}),
weeks as (
    select /*+ broadcast(f, l) */ c.*,
        f.tick_from + cast(floor({{ demo_uniform('customer_no', 'first day') }} * (f.week_tick_to - f.tick_from)) as int) as first_tick,
        l.tick_from + cast(floor({{ demo_uniform('customer_no', 'last day') }} * (l.week_tick_to - l.tick_from)) as int) as last_tick
    from counted as c
    left join demo_truth.calendar as f on f.on_date = least(c.begins_on, c.ends_on)
    left join demo_truth.calendar as l on l.on_date = greatest(c.entry_on, date_sub(c.ends_on, 3))
)
select /*+ broadcast(f, l, c) */ w.customer_no, w.customer_id, w.segment, w.taste_group, w.gender, w.birth_date, w.city_no, w.membership_level,
    w.tenure_years_at_entry, w.is_dissatisfied, w.log_hazard_ratio, w.registered_on, w.entry_on, w.is_churned,
    case when w.is_churned then w.ends_on end, w.order_count,
    case when w.order_count > 0 then case when w.order_count = 1 then l.on_date else least(f.on_date, l.on_date) end end,
    case when w.order_count > 0 then l.on_date end,
    round(c.latitude + 0.06D * {{ demo_normal('w.customer_no', 'home latitude') }}, 6), round(c.longitude + 0.06D * {{ demo_normal('w.customer_no', 'home longitude') }}, 6)
from weeks as w
inner join ({{ demo_city_rows() }}) as c on c.city_no = w.city_no
left join ticks as f on f.tick = w.first_tick
left join ticks as l on l.tick = w.last_tick
{%- endmacro -%}


{#- A number of demo_segments (by position) for a column of segment names. -#}
{%- macro demo_segment_value(column, position) -%}
{%- set pairs = [] -%}
{%- for segment in demo_segments() if segment[position] is not none -%}{%- do pairs.append([segment[0], segment[position]]) -%}{%- endfor -%}
{{ demo_lookup(column, pairs) }}
{%- endmacro -%}


{#- Eleven digits, different for every number below 100,000,000: the last eight are a permutation of the customer's number. -#}
{%- macro demo_phone(number) -%}
concat({{ demo_element(number, 'phone prefix', ['134', '135', '136', '137', '138', '139', '150', '151', '152', '158', '159', '177', '180', '186', '188', '189']) }},
    lpad(cast(pmod({{ number }} * bigint(61803399) + bigint(12345678), bigint(100000000)) as string), 8, '0'))
{%- endmacro -%}


{#- The check digit of the first 17 digits of a Chinese identity number (GB 11643: ISO 7064, MOD 11-2). -#}
{%- macro demo_id_check_digit(digits) -%}
{%- set weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2] -%}
substr('10X98765432', ({% for weight in weights %}cast(substr({{ digits }}, {{ loop.index }}, 1) as int) * {{ weight }}{{ ' + ' if not loop.last }}{% endfor %}) % 11 + 1, 1)
{%- endmacro -%}


{%- macro demo_customer_rows(demo) -%}
{%- set surnames = ['王', '李', '张', '刘', '陈', '杨', '黄', '赵', '吴', '周', '徐', '孙', '马', '朱', '胡', '郭', '何', '林', '高', '罗'] -%}
{%- set female_names = ['芳', '娜', '静', '丽', '敏', '燕', '玲', '婷', '雪', '梅', '秀英', '桂英', '欣怡', '梓涵', '诗雨', '雨桐'] -%}
{%- set male_names = ['伟', '强', '磊', '军', '勇', '杰', '涛', '明', '超', '鹏', '建国', '志强', '浩然', '子轩', '宇航', '俊杰'] -%}
{%- set roads = ['中山路', '人民路', '解放路', '建设路', '和平路', '新华路', '长江路', '文化路'] -%}
with cities as ({{ demo_city_rows() }}),
drawn as (
    select /*+ broadcast(c) */ t.customer_no, t.customer_id, t.birth_date, t.membership_level, t.registered_on, c.province, c.city,
        concat({{ demo_element('t.customer_no', 'surname', surnames) }},
            case when t.gender = 'female' then {{ demo_element('t.customer_no', 'given name', female_names) }} else {{ demo_element('t.customer_no', 'given name', male_names) }} end) as name,
        {{ demo_phone('t.customer_no') }} as phone,
        concat('user', cast(t.customer_no as string), '@', {{ demo_element('t.customer_no', 'mail domain', ['example.com', 'example.net', 'example.org']) }}) as email,
        concat(c.region_code, date_format(t.birth_date, 'yyyyMMdd'),
            lpad(cast(2 * {{ demo_integer('t.customer_no', 'id sequence', 0, 499) }} + case when t.gender = 'male' then 1 else 0 end as string), 3, '0')) as id_digits,
        case when {{ demo_uniform('t.customer_no', 'gender given') }} < 0.7D then
            case when t.gender = 'female' then {{ demo_choice('t.customer_no', 'gender spelling', [['F', 0.4], ['female', 0.25], ['女', 0.25], [' Female', 0.1]]) }}
                else {{ demo_choice('t.customer_no', 'gender spelling', [['M', 0.4], ['male', 0.25], ['男', 0.25], [' Male', 0.1]]) }} end
            else {{ demo_choice('t.customer_no', 'gender spelling', [['', 0.5], [none, 0.3], ['unknown', 0.2]]) }} end as gender,
        concat(c.city, '市', {{ demo_element('t.customer_no', 'road', roads) }}, cast({{ demo_integer('t.customer_no', 'house', 1, 999) }} as string), '号') as address,
        case when t.membership_level <> 'normal' then date_add(date'{{ demo.end }}', {{ demo_integer('t.customer_no', 'expiry', -20, 345) }}) end as membership_expires_on,
        {{ demo_integer('t.customer_no', 'registered second', 0, 28799) }} as registered_second,
        date_add(t.registered_on, {{ demo_integer('t.customer_no', 'updated', 0, "datediff(date'" ~ demo.end ~ "', t.registered_on)") }}) as updated_on,
        {{ demo_dirt('crm_customers', 't.customer_no') }} as dirt
    from demo_truth.customer_truth as t
    inner join cities as c on c.city_no = t.city_no
)
select *, case when {{ demo_uniform('customer_no', 'id known') }} < 0.9D then concat(id_digits, {{ demo_id_check_digit('id_digits') }}) end as id_number
from drawn
{%- endmacro -%}


{#- One row per customer, purpose and channel; the newer record of those who changed their mind follows as a second one. -#}
{%- macro demo_consent_rows(demo) -%}
with consents as (
    select /*+ broadcast(c) */ t.customer_no, t.customer_id, t.registered_on, c.purpose, c.channel,
        {{ demo_uniform('customer_no, purpose, channel', 'consent') }} < c.agree as is_granted
    from demo_truth.customer_truth as t
    cross join (select * from {{ demo_values(demo_consents()) }} as c(purpose, channel, agree)) as c
)
select customer_no, customer_id, purpose, channel,
    case when {{ demo_uniform('customer_no, purpose, channel, version', 'granted spelling') }} < 0.9D then case when is_granted = (version = 1) then 'true' else 'false' end
        else case when is_granted = (version = 1) then 'Y' else 'N' end end as granted,
    case when version = 1 then case when changes then date_add(registered_on, cast(datediff(date'{{ demo.end }}', registered_on) / 2 as int)) else registered_on end else registered_on end as recorded_on,
    case when version = 1 then {{ demo_dirt('crm_consents', 'customer_no, purpose, channel') }} end as dirt
from (select *, {{ demo_uniform('customer_no, purpose, channel', 'changes') }} < 0.05D as changes from consents) as decided
lateral view explode(case when changes then array(0, 1) else array(1) end) as version
{%- endmacro -%}


{#- A dissatisfied customer opens a ticket within a month of entry and rates it 1 or 2; a quarter of the others open one
    at any time and rate it 3 to 5. -#}
{%- macro demo_ticket_rows(demo) -%}
with openings as (
    select customer_no, customer_id, is_dissatisfied, registered_on,
        case when is_dissatisfied then date_add(entry_on, {{ demo_integer('customer_no', 'ticket day', 0, 'least(29, datediff(coalesce(last_order_on, date\'' ~ demo.end ~ '\'), entry_on))') }})
            else date_add(entry_on, {{ demo_integer('customer_no', 'ticket day', 0, "datediff(date'" ~ demo.end ~ "', entry_on)") }}) end as opened_on
    from demo_truth.customer_truth
    where is_dissatisfied or {{ demo_uniform('customer_no', 'ticket') }} < 0.25D
)
select concat('T', substr(customer_id, 2)) as ticket_id, customer_id, opened_on,
    {{ demo_second_of_day('customer_no', 'ticket') }} as opened_second,
    {{ demo_integer('customer_no', 'ticket open', 0, 10) }} as open_days,
    {{ demo_element('customer_no', 'ticket topic', ['delivery', 'quality', 'refund', 'invoice', 'account']) }} as topic,
    case when is_dissatisfied then {{ demo_integer('customer_no', 'satisfaction', 1, 2) }} else {{ demo_integer('customer_no', 'satisfaction', 3, 5) }} end as satisfaction,
    {{ demo_dirt('crm_service_tickets', 'customer_no') }} as dirt
from openings
{%- endmacro -%}


{#- A fifth of the customers belong to each partner, and a tenth as many people again who are no customers. Their phone
    numbers arrive as SHA-256, as advertising partners send them. -#}
{%- macro demo_write_partners(demo) -%}
{%- set query -%}
with members as ({{ demo_partner_rows(demo) }})
select partner, {{ demo_dirty_key('member_id') }}, phone_hash, tier,
    cast(case when copy_no = 2 then points div 2 else points end as string),
    {{ demo_time('case when copy_no = 2 then date_sub(updated_on, 60) else updated_on end', '30000') }}
from members {{ demo_copies() }}
{%- endset -%}
{%- do demo_write_raw('partner_members', query) -%}
{%- endmacro -%}


{%- macro demo_partner_rows(demo) -%}
with people as (
    select id + 1 as person_no, partner from range({{ demo.customers + demo.customers // 10 }}) lateral view explode(array('airline', 'bank')) as partner
)
select partner, concat(upper(substr(partner, 1, 1)), cast(person_no * 7 + 1000000 as string)) as member_id,
    sha2({{ demo_phone('person_no') }}, 256) as phone_hash,
    {{ demo_choice('person_no, partner', 'partner tier', [['basic', 0.7], ['gold', 0.25], ['diamond', 0.05]]) }} as tier,
    {{ demo_integer('person_no, partner', 'points', 0, 50000) }} as points,
    date_sub(date'{{ demo.end }}', {{ demo_integer('person_no, partner', 'updated', 0, 300) }}) as updated_on,
    {{ demo_dirt('partner_members', 'person_no, partner') }} as dirt
from people
where person_no > {{ demo.customers }} or {{ demo_uniform('person_no, partner', 'partner member') }} < 0.2D
{%- endmacro -%}
