-- depends_on: {{ ref('gate_core') }}
{#
  Impressions, for training, and the places in which a customer may next be shown a campaign, for scoring. Of what a CRM says
  of a customer only what hardly changes is a feature: a membership level of today would tell an impression its future.
#}
with

occasions as (
    select * from {{ ref('int_click_occasions') }}
),

customers as (
    select * from {{ ref('dim_customers') }} where can_profile
),

impressions as (
    select * from {{ ref('fct_ad_impressions') }}
),

campaigns as (
    select * from {{ ref('dim_campaigns') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- Campaigns that ran in the last weeks or begin soon, in the places where their channel has been seen; messages have none.
places as (
    select distinct
        campaigns.campaign_id, campaigns.channel, impressions.device_type,
        coalesce(impressions.ad_position, 'none') as ad_position
    from campaigns
    cross join as_of
    inner join impressions on campaigns.channel = impressions.channel
    where
        {{ business_date('campaigns.starts_at') }} <= date_add(as_of.as_of_date, {{ var('click_campaign_days') }})
        and {{ business_date('campaigns.ends_at') }} > date_sub(as_of.as_of_date, {{ var('click_campaign_days') }})
        and impressions.device_type is not null
),

placed as (
    select
        occasions.*,
        impressions.campaign_id, impressions.channel, impressions.device_type,
        coalesce(impressions.ad_position, 'none') as ad_position,
        impressions.is_clicked
    from occasions
    inner join impressions on occasions.impression_id = impressions.impression_id
    union all
    select occasions.*, places.campaign_id, places.channel, places.device_type, places.ad_position, null as is_clicked
    from occasions
    cross join places
    where occasions.is_newest
)

select
    placed.impression_id,
    placed.customer_id,
    placed.campaign_id,
    placed.channel,
    placed.device_type,
    placed.ad_position,
    placed.known_at,
    placed.is_newest,
    placed.impressions_before,
    placed.clicks_before,
    placed.log_click_excess_before,
    placed.orders_before,
    placed.orders_90d_before,
    placed.visits_90d_before,
    placed.amount_before,
    placed.amount_per_item_before,
    placed.orders_per_day_before,
    placed.days_since_order,
    placed.days_since_first_order,
    customers.gender,
    cast(customers.age as double) as age,
    {{ age_band('customers.age') }} as age_band,
    cast(customers.city_tier as string) as city_tier,
    placed.is_clicked
from placed
inner join customers on placed.customer_id = customers.customer_id
where
    not placed.is_newest
    -- A message needs its consent; an ad on somebody else's page does not reach a named person.
    or case placed.channel
        when 'sms' then customers.can_sms
        when 'push' then customers.can_push
        when 'email' then customers.can_email
        else true
    end
