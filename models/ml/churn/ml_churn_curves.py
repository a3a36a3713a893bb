from precision_marketing.warehouse import churn
from precision_marketing.warehouse.frames import to_spark


def model(dbt, session):
    dbt.ref("gate_segments")
    rule = churn.rule(dbt.config.get("churn_rule"), dbt.config.get("churn_days"), dbt.config.get("churn_intervals"))
    curves = churn.survival_curves(dbt.ref("int_customer_purchases"), dbt.ref("customer_segments"), rule)
    return to_spark(session, curves, churn.CURVE_SCHEMA)
