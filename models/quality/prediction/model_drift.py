from precision_marketing.warehouse import monitoring


def model(dbt, session):
    frames = {
        "click": dbt.ref("int_click_features").where("is_newest"),
        "purchase": dbt.ref("int_customer_snapshots").where("is_newest"),
        "churn": dbt.ref("int_customer_purchases"),
        "value": dbt.ref("int_customer_purchases"),
        "uplift": dbt.ref("int_uplift_customers").where("experiment_id is null"),
        "overdue": dbt.ref("int_contracts").where("settled_on is null"),
    }
    runs = {
        "click": dbt.ref("ml_click_model"),
        "purchase": dbt.ref("ml_purchase_model"),
        "churn": dbt.ref("ml_churn_model"),
        "value": dbt.ref("ml_value_model"),
        "uplift": dbt.ref("ml_uplift_model"),
        "overdue": dbt.ref("ml_overdue_model"),
    }
    return monitoring.model_drift(session, runs, frames)
