{{ rejected_rows(ref('base_crm__service_tickets')) }}
