from precision_marketing import predictions, registry


def model(dbt, session):
    features = dbt.ref("int_click_features")
    candidates = dbt.config.get("candidates")
    return registry.train(
        dbt,
        session,
        dbt.ref("int_as_of"),
        lambda as_of: predictions.train_clicks(features, candidates),
        int(dbt.config.get("retrain_after_days")),
        {"candidates": candidates},
    )
