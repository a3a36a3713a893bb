from precision_marketing.warehouse import overdue, registry


def model(dbt, session):
    return overdue.score(dbt.ref("int_contracts"), registry.champion(dbt.ref("ml_overdue_model")))
