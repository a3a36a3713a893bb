{{ rejected_rows(ref('base_fx__rates')) }}
