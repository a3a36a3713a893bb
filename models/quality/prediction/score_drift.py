from precision_marketing.warehouse import monitoring


def model(dbt, session):
    dbt.ref("gate_prediction")
    scores = {
        "click": (dbt.ref("ml_click_scores"), "ml_click_scores", "click_probability"),
        "purchase": (dbt.ref("ml_purchase_scores"), "ml_purchase_scores", "purchase_probability"),
        "gender": (dbt.ref("ml_gender_scores"), "ml_gender_scores", "female_probability"),
        "churn": (dbt.ref("ml_churn_scores"), "ml_churn_scores", "survival_90d"),
        "value": (dbt.ref("ml_customer_values"), "ml_customer_values", "clv_12m"),
    }
    return monitoring.score_drift(dbt, session, scores)
