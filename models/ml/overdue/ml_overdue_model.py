from functools import partial

from precision_marketing.warehouse import overdue, registry


def model(dbt, session):
    return registry.train(
        dbt,
        session,
        dbt.ref("int_as_of"),
        partial(overdue.train, dbt.ref("int_contracts")),
        int(dbt.config.get("retrain_after_days")),
    )
