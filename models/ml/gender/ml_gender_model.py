from functools import partial

from precision_marketing.warehouse import classification, registry


def model(dbt, session):
    counts = dbt.ref("int_customer_category_counts")
    return registry.train(
        dbt,
        session,
        dbt.ref("int_as_of"),
        partial(classification.train_gender, counts),
        int(dbt.config.get("retrain_after_days")),
    )
