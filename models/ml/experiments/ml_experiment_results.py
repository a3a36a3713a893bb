from precision_marketing.models import experiments
from precision_marketing.warehouse.frames import to_spark


def model(dbt, session):
    results = experiments.evaluate(
        dbt.ref("int_experiment_moments").toPandas(),
        alpha=float(dbt.config.get("experiment_alpha")),
        tightest_at=float(dbt.config.get("experiment_tightest_at")),
        control=str(dbt.config.get("experiment_control")),
        design=dbt.ref("experiment_variants").toPandas(),
        metrics=dbt.ref("experiment_metrics").toPandas(),
        all_pairs=str(dbt.config.get("experiment_all_pairs")).lower() == "true",
    )
    return to_spark(session, results, experiments.RESULT_SCHEMA)
