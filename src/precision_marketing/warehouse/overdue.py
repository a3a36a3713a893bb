"""The overdue warning in the warehouse: what the dbt Python models in models/ml/overdue call. The model is in
`models.overdue`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from precision_marketing.models import drift
from precision_marketing.models.overdue import OverdueModel
from precision_marketing.models.training import Candidate, Training
from precision_marketing.warehouse import registry
from precision_marketing.warehouse.frames import typed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

TRAINING_ROWS = 20_000  # contracts; the fit takes a second per thousand
BUCKET_ROWS = 20_000  # contracts that an executor scores at once
NAMES = {"started_on": "started_at", "due_on": "due_at", "settled_on": "settled_at"}
SCORE_SCHEMA = (
    "contract_id string, customer_id string, days_to_due int, overdue_probability_30d double, "
    "overdue_probability double, probability_low double, probability_high double, expected_days_late double, "
    "risk_band string, method string, reason string"
)


def train(contracts: SparkDataFrame) -> Training | None:
    """Learn from `int_contracts`; None where no contract has come due. The candidate knows which method won."""
    rows = registry.sample(contracts, "customer_id", TRAINING_ROWS, ["customer_id", "contract_id"])
    if rows.empty:
        return None
    as_of = rows["as_of_date"].iloc[0]
    model = OverdueModel().fit(rows.rename(columns=NAMES), as_of)
    if model.champion_ == "none":
        return None
    parameters = {"reason": model.reason_, "left_out": model.left_out_}
    tables = {"drivers": model.drivers(), "reliability": model.reliability_}
    candidate = Candidate(model.champion_, model.to_dict(), model.metrics_, parameters, tables)
    started = pd.to_datetime(rows["started_on"])
    return Training(
        [candidate], model.champion_, model.rows_, started.min().date(), pd.Timestamp(as_of).date(),
        drift.profile(rows[["product", "amount"]]),
    )  # fmt: skip


def score(contracts: SparkDataFrame, state: dict | None) -> SparkDataFrame:
    """Open contracts of `int_contracts` with ``SCORE_SCHEMA``, those of a customer together; none without a model."""

    def score_bucket(frame: pd.DataFrame) -> pd.DataFrame:
        found = OverdueModel.from_dict(state or {}).predict(frame.rename(columns=NAMES), frame["as_of_date"].iloc[0])
        return typed(found, SCORE_SCHEMA)

    if state is None:
        contracts = contracts.where("false")
    return registry.score_together(contracts, "customer_id", BUCKET_ROWS, SCORE_SCHEMA, score_bucket)
