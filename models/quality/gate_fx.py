from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "stg_fx__rates": dbt.ref("stg_fx__rates"),
        "stg_fx__rates__rejected": dbt.ref("stg_fx__rates__rejected"),
        "stg_fx__column_profile": dbt.ref("stg_fx__column_profile"),
    }
    max_rejected_share = float(dbt.config.meta_get("max_rejected_share"))
    required_sources = dbt.config.meta_get("required_sources").split()
    return gates.run_gate(dbt, session, relations, max_rejected_share, required_sources)
