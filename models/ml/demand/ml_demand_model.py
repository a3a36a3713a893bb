from functools import partial

from precision_marketing.warehouse import forecasting, registry


def model(dbt, session):
    history = dbt.ref("int_daily_demand")
    horizon, sales_days = int(dbt.config.get("horizon_days")), dbt.config.get("sales_days")
    return registry.train(
        dbt,
        session,
        dbt.ref("int_as_of"),
        partial(forecasting.train, history, horizon, sales_days),
        int(dbt.config.get("retrain_after_days")),
        {"horizon_days": horizon, "sales_days": sales_days},
    )
