from precision_marketing.quality import gates


def model(dbt, session):
    relations = {
        "click_scores": dbt.ref("click_scores"),
        "click_coefficients": dbt.ref("click_coefficients"),
        "purchase_propensity": dbt.ref("purchase_propensity"),
        "gender_predictions": dbt.ref("gender_predictions"),
        "churn_risk": dbt.ref("churn_risk"),
        "churn_drivers": dbt.ref("churn_drivers"),
        "churn_curves": dbt.ref("churn_curves"),
        "contact_timing": dbt.ref("contact_timing"),
        "overdue_risk": dbt.ref("overdue_risk"),
        "customer_lifetime_value": dbt.ref("customer_lifetime_value"),
        "product_recommendations": dbt.ref("product_recommendations"),
        "product_similarities": dbt.ref("product_similarities"),
        "sales_forecast": dbt.ref("sales_forecast"),
        "demand_forecast": dbt.ref("demand_forecast"),
        "model_verdicts": dbt.ref("model_verdicts"),
    }
    return gates.run_gate(dbt, session, relations)
