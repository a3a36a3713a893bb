from precision_marketing import experiments, segmentation


def model(dbt, session):
    results = experiments.evaluate(
        dbt.ref("int_experiment_moments").toPandas(),
        alpha=float(dbt.config.get("experiment_alpha")),
        tightest_at=float(dbt.config.get("experiment_tightest_at")),
        control=str(dbt.config.get("experiment_control")),
    )
    return segmentation.to_spark(session, results, experiments.RESULT_SCHEMA)
