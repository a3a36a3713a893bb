from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "stg_fx__rates": dbt.ref("stg_fx__rates"),
        "stg_fx__rates__rejected": dbt.ref("stg_fx__rates__rejected"),
    }
    return gates.run_gate(dbt, session, relations, float(dbt.config.meta_get("max_rejected_share")))
