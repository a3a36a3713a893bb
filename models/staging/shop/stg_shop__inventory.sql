select
    store_id,
    product_id,
    stock_date,
    on_hand,
    on_order,
    duplicate_rows
from {{ ref('base_shop__inventory') }}
where _reject_reason is null and _row_rank = 1
