from precision_marketing.warehouse import budget
from precision_marketing.warehouse.frames import to_spark


def model(dbt, session):
    money = str(dbt.config.get("marketing_budget"))
    found = budget.allocation(
        dbt.ref("int_channel_weeks").toPandas(),
        dbt.ref("budget_channels").toPandas(),
        money=None if money.lower() == "none" else float(money),
        plan_weeks=int(dbt.config.get("budget_weeks")),
        history_weeks=int(dbt.config.get("budget_history_weeks")),
        periods=int(dbt.config.get("budget_periods")),
        max_change=float(dbt.config.get("budget_max_change")),
        protection=float(dbt.config.get("budget_protection")),
    )
    return to_spark(session, found, budget.ALLOCATION_SCHEMA)
