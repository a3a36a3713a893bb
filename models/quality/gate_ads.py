from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "stg_ads__campaigns": dbt.ref("stg_ads__campaigns"),
        "stg_ads__campaigns__rejected": dbt.ref("stg_ads__campaigns__rejected"),
        "stg_ads__impressions": dbt.ref("stg_ads__impressions"),
        "stg_ads__impressions__rejected": dbt.ref("stg_ads__impressions__rejected"),
    }
    return gates.run_gate(dbt, session, relations, float(dbt.config.meta_get("max_rejected_share")))
