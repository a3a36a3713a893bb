from functools import partial

from precision_marketing.warehouse import recommendations, registry


def model(dbt, session):
    dbt.ref("gate_core")
    pairs = dbt.ref("int_customer_interactions")
    products = dbt.ref("dim_products").select("product_id", "category", "brand", "list_price")
    repeatable, candidates = dbt.config.get("repeatable_categories"), dbt.config.get("candidates")
    return registry.train(
        dbt,
        session,
        dbt.ref("int_as_of"),
        partial(recommendations.train, pairs, products, repeatable, candidates),
        int(dbt.config.get("retrain_after_days")),
        {"repeatable_categories": repeatable, "candidates": candidates},
    )
