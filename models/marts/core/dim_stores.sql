-- depends_on: {{ ref('gate_crm') }}
-- depends_on: {{ ref('gate_shop') }}
-- depends_on: {{ ref('gate_app') }}
with

stores as (
    select * from {{ ref('stg_shop__stores') }}
),

orders as (
    select store_id from {{ ref('stg_shop__orders') }}
),

inventory as (
    select store_id from {{ ref('stg_shop__inventory') }}
),

-- A store that sold or counted its stock exists, even if the list of stores lacks it.
keys as (
    select store_id from stores
    union
    select store_id from orders where store_id is not null
    union
    select store_id from inventory
)

select
    keys.store_id,
    stores.store_name,
    stores.city,
    stores.latitude,
    stores.longitude
from keys
left join stores on keys.store_id = stores.store_id
