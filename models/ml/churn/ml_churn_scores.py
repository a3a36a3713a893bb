from precision_marketing.warehouse import churn_scores, registry


def model(dbt, session):
    champion = registry.champion(dbt.ref("ml_churn_model"))
    return churn_scores.score(dbt.ref("int_customer_purchases"), champion, int(dbt.config.get("contact_days_before")))
