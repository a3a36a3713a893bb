from precision_marketing.models import experiments
from precision_marketing.warehouse.frames import to_spark


def model(dbt, session):
    results = experiments.evaluate(
        dbt.ref("int_experiment_moments").toPandas(),
        alpha=float(dbt.config.get("experiment_alpha")),
        tightest_at=float(dbt.config.get("experiment_tightest_at")),
        control=str(dbt.config.get("experiment_control")),
    )
    return to_spark(session, results, experiments.RESULT_SCHEMA)
