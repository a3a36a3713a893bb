{{ rejected_rows(ref('base_crm__erasure_requests')) }}
