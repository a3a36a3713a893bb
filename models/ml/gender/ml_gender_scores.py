from precision_marketing.warehouse import classification, registry


def model(dbt, session):
    champion = registry.champion(dbt.ref("ml_gender_model"))
    return classification.score_gender(dbt.ref("int_customer_category_counts"), champion)
