from functools import partial

from precision_marketing.warehouse import churn, registry


def model(dbt, session):
    purchases = dbt.ref("int_customer_purchases")
    rule = churn.rule(dbt.config.get("churn_rule"), dbt.config.get("churn_days"), dbt.config.get("churn_intervals"))
    return registry.train(
        dbt,
        session,
        dbt.ref("int_as_of"),
        partial(churn.train, purchases, rule),
        int(dbt.config.get("retrain_after_days")),
        vars(rule),
    )
