from precision_marketing.warehouse import offers, registry


def model(dbt, session):
    listed = dbt.ref("int_offers")
    models = registry.champion(dbt.ref("ml_uplift_model"))
    planned = dbt.ref("ml_offer_plan")
    setting = offers.Setting(
        listed.toPandas(),
        models or {},
        horizon_days=float(dbt.config.get("propensity_horizon_days")),
        valid_days=float(dbt.config.get("offer_valid_days")),
    )
    return offers.choose_offers(
        dbt.ref("int_offer_customers"), setting, int(dbt.config.get("offer_frequency_cap")), planned.toPandas()
    )
