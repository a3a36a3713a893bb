from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "stg_partner__members": dbt.ref("stg_partner__members"),
        "stg_partner__members__rejected": dbt.ref("stg_partner__members__rejected"),
        "stg_partner__column_profile": dbt.ref("stg_partner__column_profile"),
    }
    max_rejected_share = float(dbt.config.meta_get("max_rejected_share"))
    required_sources = dbt.config.meta_get("required_sources").split()
    return gates.run_gate(dbt, session, relations, max_rejected_share, required_sources)
