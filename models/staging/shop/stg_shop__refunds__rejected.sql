{{ rejected_rows(ref('base_shop__refunds')) }}
