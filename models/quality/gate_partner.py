from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "stg_partner__members": dbt.ref("stg_partner__members"),
        "stg_partner__members__rejected": dbt.ref("stg_partner__members__rejected"),
    }
    return gates.run_gate(dbt, session, relations, float(dbt.config.meta_get("max_rejected_share")))
