{{ rejected_rows(ref('base_crm__contracts')) }}
