-- depends_on: {{ ref('gate_shop') }}
with

stores as (
    select * from {{ ref('stg_shop__stores') }}
)

select
    store_id,
    store_name,
    city,
    latitude,
    longitude
from stores
