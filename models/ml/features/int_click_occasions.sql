-- depends_on: {{ ref('gate_core') }}
-- depends_on: {{ ref('gate_customer') }}
{#
  What was known of a customer at an instant: an impression, or the end of the as-of day, for which clicks are predicted.
  Both come out of one timeline, and its windows end one microsecond before the instant.
#}
with

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

as_of as (
    select
        as_of_date,
        to_utc_timestamp(date_add(as_of_date, 1), {{ text_literal(var("business_timezone")) }}) as ends_at
    from {{ ref('int_as_of') }}
),

contexts as (
    select * from {{ ref('int_click_contexts') }}
),

impressions as (
    select impressions.*, contexts.context_click_rate
    from {{ ref('fct_ad_impressions') }} as impressions
    inner join contexts
        on impressions.channel <=> contexts.channel
        and coalesce(impressions.device_type, 'unknown') = contexts.device_type
        and coalesce(impressions.ad_position, 'unknown') = contexts.ad_position
        and impressions.shown_date = contexts.shown_date
    where impressions.customer_id is not null
),

orders as (
    select customer_id, ordered_at, item_count, net_amount from {{ ref('fct_orders') }} where not is_cancelled
),

-- Visits that a device told later whose they were were nobody's at the time.
sessions as (
    select customer_id, ended_at from {{ ref('fct_sessions') }} where identified_by = 'login'
),

timeline as (
    select
        customer_id,
        if(kind = 'click', clicked_at, shown_at) as at,
        kind,
        if(kind = 'impression', impression_id, null) as impression_id,
        if(kind = 'impression', context_click_rate, 0) as context_click_rate,
        0 as items,
        0 as amount
    from impressions
    lateral view explode(if(is_clicked, array('impression', 'click'), array('impression'))) as kind
    union all
    select
        customer_id, ordered_at as at, 'order' as kind, cast(null as string) as impression_id,
        0 as context_click_rate, item_count as items, net_amount as amount
    from orders
    union all
    select
        customer_id, ended_at as at, 'visit' as kind, cast(null as string) as impression_id,
        0 as context_click_rate, 0 as items, 0 as amount
    from sessions
    union all
    select
        customers.customer_id, as_of.ends_at as at, 'newest' as kind, cast(null as string) as impression_id,
        0 as context_click_rate, 0 as items, 0 as amount
    from customers
    cross join as_of
),

known as (
    select
        customer_id,
        at,
        kind,
        impression_id,
        count_if(kind = 'impression') over before as impressions_before,
        sum(context_click_rate) over before as expected_clicks_before,
        count_if(kind = 'click') over before as clicks_before,
        count_if(kind = 'order') over before as orders_before,
        sum(items) over before as items_before,
        sum(amount) over before as amount_before,
        count_if(kind = 'order') over quarter_before as orders_90d_before,
        count_if(kind = 'visit') over quarter_before as visits_90d_before,
        unix_micros(at) - max(if(kind = 'order', unix_micros(at), null)) over before as micros_since_order,
        unix_micros(at) - min(if(kind = 'order', unix_micros(at), null)) over before as micros_since_first_order
    from timeline
    window before as (
        partition by customer_id
        order by unix_micros(at)
        range between unbounded preceding and 1 preceding
    ),
    quarter_before as (
        partition by customer_id
        order by unix_micros(at)
        range between {{ 90 * 86400000000 }} preceding and 1 preceding
    )
)

select
    known.impression_id,
    known.customer_id,
    known.at as known_at,
    known.kind = 'newest' as is_newest,
    cast(coalesce(known.impressions_before, 0) as double) as impressions_before,
    cast(coalesce(known.clicks_before, 0) as double) as clicks_before,
    -- Clicks compared with those that anybody would have made in the same places; one of each is added.
    ln((coalesce(known.clicks_before, 0) + 1) / (coalesce(known.expected_clicks_before, 0) + 1)) as log_click_excess_before,
    cast(coalesce(known.orders_before, 0) as double) as orders_before,
    cast(coalesce(known.orders_90d_before, 0) as double) as orders_90d_before,
    cast(coalesce(known.visits_90d_before, 0) as double) as visits_90d_before,
    cast(coalesce(known.amount_before, 0) as double) as amount_before,
    cast(known.amount_before as double) / nullif(known.items_before, 0) as amount_per_item_before,
    cast(coalesce(known.orders_before, 0) as double)
    / (coalesce(cast(known.micros_since_first_order as double) / 86400000000, 0) + 30) as orders_per_day_before,
    cast(known.micros_since_order as double) / 86400000000 as days_since_order,
    cast(known.micros_since_first_order as double) / 86400000000 as days_since_first_order
from known
inner join customers on known.customer_id = customers.customer_id
cross join as_of
where known.kind = 'newest' or known.kind = 'impression' and known.at < as_of.ends_at
