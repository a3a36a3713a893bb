from functools import partial

from precision_marketing.warehouse import recommendations, registry


def model(dbt, session):
    dbt.ref("gate_core")
    pairs = dbt.ref("int_customer_interactions")
    products = dbt.ref("dim_products").select("product_id", "category", "brand", "list_price")
    repeatable = dbt.config.get("repeatable_categories")
    return registry.train(
        dbt,
        session,
        dbt.ref("int_as_of"),
        partial(recommendations.train, pairs, products, repeatable),
        int(dbt.config.get("retrain_after_days")),
        {"repeatable_categories": repeatable},
    )
