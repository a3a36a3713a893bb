from functools import partial

from precision_marketing.warehouse import lifetime_value, registry


def model(dbt, session):
    purchases, days = dbt.ref("int_customer_purchases"), dbt.ref("int_purchase_days")
    holdout_days = int(dbt.config.get("holdout_days"))
    return registry.train(
        dbt,
        session,
        dbt.ref("int_as_of"),
        partial(lifetime_value.train, purchases, days, holdout_days),
        int(dbt.config.get("retrain_after_days")),
        {"holdout_days": holdout_days},
    )
