from precision_marketing.warehouse import classification, registry


def model(dbt, session):
    champion = registry.champion(dbt.ref("ml_purchase_model"))
    return classification.score_purchases(dbt.ref("int_customer_snapshots"), champion)
