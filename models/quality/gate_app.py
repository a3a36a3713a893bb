from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "stg_app__events": dbt.ref("stg_app__events"),
        "stg_app__events__rejected": dbt.ref("stg_app__events__rejected"),
        "stg_app__experiments": dbt.ref("stg_app__experiments"),
        "stg_app__experiments__rejected": dbt.ref("stg_app__experiments__rejected"),
        "stg_app__linkage": dbt.ref("stg_app__linkage"),
        "stg_app__column_profile": dbt.ref("stg_app__column_profile"),
    }
    max_rejected_share = float(dbt.config.meta_get("max_rejected_share"))
    required_sources = dbt.config.meta_get("required_sources").split()
    return gates.run_gate(dbt, session, relations, max_rejected_share, required_sources)
