from precision_marketing import demand, registry, segmentation


def model(dbt, session):
    state = registry.champion(dbt.ref("ml_demand_model"))
    forecasts = demand.forecast(dbt.ref("int_daily_demand"), state, dbt.config.get("sales_days"))
    return segmentation.to_spark(session, forecasts, demand.SCHEMA)
