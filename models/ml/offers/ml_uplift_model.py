from functools import partial

from precision_marketing.warehouse import registry, uplift


def model(dbt, session):
    return registry.train(
        dbt,
        session,
        dbt.ref("int_as_of"),
        partial(uplift.train, dbt.ref("int_uplift_customers")),
        int(dbt.config.get("retrain_after_days")),
        {"experiment_days": int(dbt.config.get("experiment_days"))},
    )
