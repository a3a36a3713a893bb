from functools import partial

from precision_marketing.warehouse import classification, registry


def model(dbt, session):
    features = dbt.ref("int_click_features")
    candidates = dbt.config.get("candidates")
    return registry.train(
        dbt,
        session,
        dbt.ref("int_as_of"),
        partial(classification.train_clicks, features, candidates),
        int(dbt.config.get("retrain_after_days")),
        {"candidates": candidates},
    )
