from precision_marketing import registry, suggestions


def model(dbt, session):
    dbt.ref("gate_core")
    customers = dbt.ref("dim_customers").where("can_profile").select("customer_id")
    recommender = registry.champion(dbt.ref("ml_recommendation_model"))
    count = int(dbt.config.get("recommendations"))
    return suggestions.score(customers, dbt.ref("int_customer_interactions"), recommender, count)
