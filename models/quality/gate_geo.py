from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "stg_geo__regions": dbt.ref("stg_geo__regions"),
        "stg_geo__regions__rejected": dbt.ref("stg_geo__regions__rejected"),
    }
    return gates.run_gate(dbt, session, relations, float(dbt.config.meta_get("max_rejected_share")))
