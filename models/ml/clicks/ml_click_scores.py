from precision_marketing.warehouse import classification, registry


def model(dbt, session):
    champion = registry.champion(dbt.ref("ml_click_model"))
    return classification.score_clicks(dbt.ref("int_click_features"), champion)
