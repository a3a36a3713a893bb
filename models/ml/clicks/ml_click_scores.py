from precision_marketing import predictions, registry


def model(dbt, session):
    champion = registry.champion(dbt.ref("ml_click_model"))
    return predictions.score_clicks(dbt.ref("int_click_features"), champion)
