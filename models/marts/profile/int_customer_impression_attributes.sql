-- depends_on: {{ ref('gate_core') }}
with

customers as (
    select customer_id from {{ ref('dim_customers') }} where can_profile
),

impressions as (
    select * from {{ ref('fct_ad_impressions') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

facts as (
    select
        impressions.customer_id,
        impressions.shown_date as happened_on,
        datediff(as_of.as_of_date, impressions.shown_date) as days_ago,
        impressions.channel,
        impressions.device_type,
        impressions.ad_position,
        impressions.is_clicked and {{ business_date('impressions.clicked_at') }} <= as_of.as_of_date as is_clicked,
        impressions.is_converted,
        impressions.cost,
        impressions.revenue
    from impressions
    inner join customers on impressions.customer_id = customers.customer_id
    inner join as_of on impressions.shown_date <= as_of.as_of_date
)

select
    customer_id
    {{- catalogued_columns('impressions') }}
from facts
group by customer_id
