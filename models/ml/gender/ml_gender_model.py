from precision_marketing import predictions, registry


def model(dbt, session):
    counts = dbt.ref("int_customer_category_counts")
    return registry.train(
        dbt,
        session,
        dbt.ref("int_as_of"),
        lambda as_of: predictions.train_gender(counts),
        int(dbt.config.get("retrain_after_days")),
    )
