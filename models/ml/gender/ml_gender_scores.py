from precision_marketing import predictions, registry


def model(dbt, session):
    champion = registry.champion(dbt.ref("ml_gender_model"))
    return predictions.score_gender(dbt.ref("int_customer_category_counts"), champion)
