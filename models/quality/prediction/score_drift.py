from precision_marketing import monitoring


def model(dbt, session):
    dbt.ref("gate_prediction")
    now = {
        "click": dbt.ref("ml_click_scores"),
        "purchase": dbt.ref("ml_purchase_scores"),
        "gender": dbt.ref("ml_gender_scores"),
        "churn": dbt.ref("ml_churn_scores"),
        "value": dbt.ref("ml_customer_values"),
    }
    scores = {
        "click": ("ml_click_scores", "click_probability"),
        "purchase": ("ml_purchase_scores", "purchase_probability"),
        "gender": ("ml_gender_scores", "female_probability"),
        "churn": ("ml_churn_scores", "survival_90d"),
        "value": ("ml_customer_values", "clv_12m"),
    }
    return monitoring.score_drift(dbt, session, scores, now)
