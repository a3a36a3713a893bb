from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "stg_crm__customers": dbt.ref("stg_crm__customers"),
        "stg_crm__customers__rejected": dbt.ref("stg_crm__customers__rejected"),
        "stg_crm__consents": dbt.ref("stg_crm__consents"),
        "stg_crm__consents__rejected": dbt.ref("stg_crm__consents__rejected"),
        "stg_crm__erasure_requests": dbt.ref("stg_crm__erasure_requests"),
        "stg_crm__erasure_requests__rejected": dbt.ref("stg_crm__erasure_requests__rejected"),
        "stg_crm__service_tickets": dbt.ref("stg_crm__service_tickets"),
        "stg_crm__service_tickets__rejected": dbt.ref("stg_crm__service_tickets__rejected"),
        "stg_crm__contracts": dbt.ref("stg_crm__contracts"),
        "stg_crm__contracts__rejected": dbt.ref("stg_crm__contracts__rejected"),
        "stg_crm__linkage": dbt.ref("stg_crm__linkage"),
        "stg_crm__column_profile": dbt.ref("stg_crm__column_profile"),
    }
    max_rejected_share = float(dbt.config.meta_get("max_rejected_share"))
    required_sources = dbt.config.meta_get("required_sources").split()
    return gates.run_gate(dbt, session, relations, max_rejected_share, required_sources)
