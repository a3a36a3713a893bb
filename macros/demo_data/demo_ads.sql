{#- Campaigns and impressions, with the odds of a click and of an order after it. -#}

{%- macro demo_write_ads(demo) -%}
{%- set campaigns -%}
with campaigns as ({{ demo_campaign_rows(demo) }})
select campaign_id, concat(channel, ' ', cast(starts_on as string)), channel,
    {{ demo_element('campaign_no', 'objective', ['acquisition', 'conversion', 'retention']) }},
    cast(1000 * {{ demo_integer('campaign_no', 'budget', 5, 60) }} as string), {{ demo_time('starts_on', '0') }}, {{ demo_time('ends_on', '86399') }}
from campaigns
{%- endset -%}
{%- do demo_write_raw('ads_campaigns', campaigns) -%}

{%- do demo_write_truth('impression_truth', 'impression_no bigint, impression_id string, customer_no bigint, campaign_no int, campaign_id string, channel string, device_type string, ad_position string, shown_on date, shown_second int, click_probability double, is_clicked boolean, click_seconds int, is_converted boolean, cost double, propensity double', demo_impression_truth(demo)) -%}

{%- set impressions -%}
with impressions as ({{ demo_impression_rows() }})
select {{ demo_dirty_key('impression_id') }}, concat('C', lpad(cast(customer_no as string), 9, '0')), {{ demo_dirty_reference('campaign_id', 'K999') }},
    channel, {{ demo_dirty_word('device_type') }}, ad_position, {{ demo_dirty_time('shown_on', 'shown_second') }},
    case when is_clicked then {{ demo_time('shown_on', '(shown_second + click_seconds)') }} end,
    case when dirt = 'null_value' then null else {{ demo_amount('cost', 4) }} end,
    cast(propensity as string)
from impressions {{ demo_copies() }}
{%- endset -%}
{%- do demo_write_raw('ads_impressions', impressions) -%}
{%- endmacro -%}


{#- Campaigns of four weeks, spread over the history, channel after channel. -#}
{%- macro demo_campaign_rows(demo) -%}
{%- set channels = [] -%}
{%- for channel in demo_ad_channels() -%}{%- do channels.append([loop.index0] + channel) -%}{%- endfor -%}
{%- set count = demo_counts().campaigns -%}
with channels as (select * from {{ demo_values(channels) }} as t(channel_no, channel, is_ad, channel_coefficient, conversion_rate, channel_cost)),
campaigns as (
    select cast(id + 1 as int) as campaign_no, concat('K', lpad(cast(id + 1 as string), 3, '0')) as campaign_id, cast(id % {{ channels | length }} as int) as channel_no,
        date_add(date'{{ demo.start }}', cast(id * {{ demo.days - 28 }} div {{ count - 1 }} as int)) as starts_on
    from range({{ count }})
)
select campaign_no, campaign_id, channel, is_ad, channel_coefficient, conversion_rate, channel_cost, starts_on, date_add(starts_on, 27) as ends_on
from campaigns inner join channels using (channel_no)
{%- endmacro -%}


{%- macro demo_impression_truth(demo) -%}
{%- set base = demo_click_base() -%}
{%- set devices, device_coefficients, positions, position_coefficients, segments = [], [], [], [['none', 0.0]], [] -%}
{%- for device, coefficient, share in demo_devices() -%}{%- do devices.append([device, share]) -%}{%- do device_coefficients.append([device, coefficient]) -%}{%- endfor -%}
{%- for position, coefficient, share in demo_ad_positions() -%}{%- do positions.append([position, share]) -%}{%- do position_coefficients.append([position, coefficient]) -%}{%- endfor -%}
with shown as (
    select customer_no, customer_no * 1000 + n as impression_no, segment, gender, birth_date, registered_on, first_order_on, last_order_on,
        {{ demo_integer('customer_no, n', 'campaign', 1, demo_counts().campaigns) }} as campaign_no
    from demo_truth.customer_truth
    lateral view explode(sequence(1, {{ demo_integer('customer_no', 'impressions', 16, 46) }})) as n
),
placed as (
    select /*+ broadcast(c) */ s.*, c.campaign_id, c.channel, c.channel_coefficient, c.conversion_rate, c.channel_cost,
        date_add(c.starts_on, {{ demo_integer('impression_no', 'shown day', 0, 27) }}) as shown_on,
        least({{ demo_second_of_day('impression_no', 'shown') }}, 85000) as shown_second,
        {{ demo_choice('impression_no', 'device', devices) }} as device_type,
        case when c.is_ad then {{ demo_choice('impression_no', 'position', positions) }} else 'none' end as ad_position
    from shown as s
    inner join ({{ demo_campaign_rows(demo) }}) as c on c.campaign_no = s.campaign_no
),
{#- A campaign is drawn by lot, and seen unless its day comes before the customer's registration. -#}
chances as (
    select registered_on, channel, sum(seen) / sum(sum(seen)) over (partition by registered_on) as propensity
    from (
        select /*+ broadcast(c) */ r.registered_on, c.channel, greatest(0D, least(28D, datediff(c.ends_on, r.registered_on) + 1D)) as seen
        from (select distinct registered_on from demo_truth.customer_truth) as r
        cross join ({{ demo_campaign_rows(demo) }}) as c
    ) as days
    group by registered_on, channel
),
odds as (
    select *, {{ demo_literal(base.intercept) }} + channel_coefficient
        + {{ demo_lookup('device_type', device_coefficients) }}
        + {{ demo_lookup('ad_position', position_coefficients) }}
        + {{ demo_segment_value('segment', 9) }}
        + case when gender = 'female' then {{ demo_literal(base.female) }} else 0D end
        + {{ demo_literal(base.age_decade) }} * (datediff(date'{{ demo.end }}', birth_date) / 3652.5D - 4D)
        + case {% for segment, channel, coefficient in demo_channel_tastes() %}when segment = '{{ segment }}' and channel = '{{ channel }}' then {{ demo_literal(coefficient) }} {% endfor %}else 0D end as log_odds
    from placed
    where shown_on >= registered_on
),
clicks as (
    select *, round(1D / (1D + exp(-log_odds)), 6) as click_probability from odds
)
select impression_no, concat('I', cast(impression_no as string)), customer_no, campaign_no, campaign_id, channel, device_type, ad_position,
    shown_on, shown_second, click_probability,
    {{ demo_uniform('impression_no', 'click') }} < click_probability,
    {{ demo_integer('impression_no', 'click seconds', 2, 300) }},
    {{ demo_uniform('impression_no', 'click') }} < click_probability and {{ demo_uniform('impression_no', 'conversion') }} < conversion_rate
        and coalesce(shown_on > first_order_on and shown_on < last_order_on, false),
    round(channel_cost * (0.8D + 0.4D * {{ demo_uniform('impression_no', 'cost') }}), 4),
    round(propensity, 6)
from clicks
left join chances using (registered_on, channel)
{%- endmacro -%}


{%- macro demo_impression_rows() -%}
select *, {{ demo_dirt('ads_impressions', 'impression_no') }} as dirt from demo_truth.impression_truth
{%- endmacro -%}
