from precision_marketing.warehouse import lifetime_value, registry


def model(dbt, session):
    state = registry.champion(dbt.ref("ml_value_model"))
    rate = float(dbt.config.get("annual_discount_rate"))
    return lifetime_value.score_customers(dbt.ref("int_customer_purchases"), state, rate)
