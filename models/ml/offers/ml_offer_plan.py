from precision_marketing.warehouse import offers, registry
from precision_marketing.warehouse.frames import to_spark


def model(dbt, session):
    listed = dbt.ref("int_offers")
    models = registry.champion(dbt.ref("ml_uplift_model"))
    setting = offers.Setting(
        listed.toPandas(),
        models or {},
        horizon_days=float(dbt.config.get("propensity_horizon_days")),
        valid_days=float(dbt.config.get("offer_valid_days")),
    )
    planned = offers.plan_offers(dbt.ref("int_offer_customers"), setting, int(dbt.config.get("offer_frequency_cap")))
    return to_spark(session, planned, offers.PLAN_SCHEMA)
