from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "stg_app__events": dbt.ref("stg_app__events"),
        "stg_app__events__rejected": dbt.ref("stg_app__events__rejected"),
        "stg_app__experiments": dbt.ref("stg_app__experiments"),
        "stg_app__experiments__rejected": dbt.ref("stg_app__experiments__rejected"),
    }
    return gates.run_gate(dbt, session, relations, float(dbt.config.meta_get("max_rejected_share")))
