from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "stg_ads__campaigns": dbt.ref("stg_ads__campaigns"),
        "stg_ads__campaigns__rejected": dbt.ref("stg_ads__campaigns__rejected"),
        "stg_ads__impressions": dbt.ref("stg_ads__impressions"),
        "stg_ads__impressions__rejected": dbt.ref("stg_ads__impressions__rejected"),
        "stg_ads__linkage": dbt.ref("stg_ads__linkage"),
        "stg_ads__column_profile": dbt.ref("stg_ads__column_profile"),
    }
    max_rejected_share = float(dbt.config.meta_get("max_rejected_share"))
    required_sources = dbt.config.meta_get("required_sources").split()
    return gates.run_gate(dbt, session, relations, max_rejected_share, required_sources)
