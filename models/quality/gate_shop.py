from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "stg_shop__orders": dbt.ref("stg_shop__orders"),
        "stg_shop__orders__rejected": dbt.ref("stg_shop__orders__rejected"),
        "stg_shop__order_items": dbt.ref("stg_shop__order_items"),
        "stg_shop__order_items__rejected": dbt.ref("stg_shop__order_items__rejected"),
        "stg_shop__products": dbt.ref("stg_shop__products"),
        "stg_shop__products__rejected": dbt.ref("stg_shop__products__rejected"),
        "stg_shop__stores": dbt.ref("stg_shop__stores"),
        "stg_shop__stores__rejected": dbt.ref("stg_shop__stores__rejected"),
        "stg_shop__inventory": dbt.ref("stg_shop__inventory"),
        "stg_shop__inventory__rejected": dbt.ref("stg_shop__inventory__rejected"),
        "stg_shop__linkage": dbt.ref("stg_shop__linkage"),
        "stg_shop__column_profile": dbt.ref("stg_shop__column_profile"),
        "stg_shop__refunds": dbt.ref("stg_shop__refunds"),
        "stg_shop__refunds__rejected": dbt.ref("stg_shop__refunds__rejected"),
    }
    max_rejected_share = float(dbt.config.meta_get("max_rejected_share"))
    required_sources = dbt.config.meta_get("required_sources").split()
    return gates.run_gate(dbt, session, relations, max_rejected_share, required_sources)
