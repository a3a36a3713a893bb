{{ rejected_rows(ref('base_geo__regions')) }}
