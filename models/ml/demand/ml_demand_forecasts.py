from precision_marketing.warehouse import forecasting, registry
from precision_marketing.warehouse.frames import to_spark


def model(dbt, session):
    state = registry.champion(dbt.ref("ml_demand_model"))
    forecasts = forecasting.forecast(dbt.ref("int_daily_demand"), state, dbt.config.get("sales_days"))
    return to_spark(session, forecasts, forecasting.SCHEMA)
