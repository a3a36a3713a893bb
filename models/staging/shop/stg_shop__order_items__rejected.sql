{{ rejected_rows(ref('base_shop__order_items')) }}
