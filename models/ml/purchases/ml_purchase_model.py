from functools import partial

from precision_marketing.warehouse import classification, registry


def model(dbt, session):
    snapshots = dbt.ref("int_customer_snapshots")
    candidates = dbt.config.get("candidates")
    return registry.train(
        dbt,
        session,
        dbt.ref("int_as_of"),
        partial(classification.train_purchases, snapshots, candidates),
        int(dbt.config.get("retrain_after_days")),
        {"candidates": candidates},
    )
