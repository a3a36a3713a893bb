{{ rejected_rows(ref('base_partner__members')) }}
