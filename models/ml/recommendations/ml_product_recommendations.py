from precision_marketing.warehouse import recommendations, registry


def model(dbt, session):
    dbt.ref("gate_core")
    customers = dbt.ref("dim_customers").where("can_profile").select("customer_id")
    recommender = registry.champion(dbt.ref("ml_recommendation_model"))
    count = int(dbt.config.get("recommendations"))
    return recommendations.score(customers, dbt.ref("int_customer_interactions"), recommender, count)
