from precision_marketing import churn, segmentation


def model(dbt, session):
    dbt.ref("gate_ml")
    rule = churn.rule(dbt.config.get("churn_rule"), dbt.config.get("churn_days"), dbt.config.get("churn_intervals"))
    curves = churn.survival_curves(dbt.ref("int_customer_purchases"), dbt.ref("customer_segments"), rule)
    return segmentation.to_spark(session, curves, churn.CURVE_SCHEMA)
