from precision_marketing import predictions, registry


def model(dbt, session):
    champion = registry.champion(dbt.ref("ml_purchase_model"))
    return predictions.score_purchases(dbt.ref("int_customer_snapshots"), champion)
