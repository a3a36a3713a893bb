"""Churn in the warehouse: what `ml_churn_model` and `ml_churn_curves` call. The models are in `models.survival`. What
scores is in `churn_scores`: a change there trains nothing anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from precision_marketing.models import drift
from precision_marketing.models.churn import ChurnRule, churn_table
from precision_marketing.models.inputs import column_names
from precision_marketing.models.survival import MIN_EVENTS, ChurnModel, curves
from precision_marketing.models.training import Candidate, Training
from precision_marketing.warehouse import registry

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

TRAINING_ROWS = 100_000
# As of the entry of a customer, so that none is an effect of leaving.
COVARIATES = ("membership_level", "is_dissatisfied", "tenure_years_at_entry", "gender")
CURVE_SCHEMA = (
    "segment_type string, segment string, day bigint, survival double, ci_low double, ci_high double, at_risk bigint"
)


def rule(kind: Literal["days", "intervals", "contract_end"], days: float, intervals: float) -> ChurnRule:
    """The rule that the project's variables state. Raises ValueError for a kind that does not exist."""
    return ChurnRule(kind=kind, days=float(days), intervals=float(intervals))


def lives(purchases: pd.DataFrame, churn_rule: ChurnRule) -> pd.DataFrame:
    """Rows of `int_customer_purchases` with the columns of ``churn_table``, in their order.

    The end of a contract is that of the membership; whoever has none has no contract to end.
    """
    as_of = purchases["as_of_date"].iloc[0]
    ends = pd.to_datetime(purchases["membership_expires_on"])
    begun = pd.to_datetime(purchases["entry_date"])
    # A membership that ended before the customer's entry is another one.
    observed = purchases.assign(first_order_date=begun, contract_end_date=ends.where(ends >= begun))
    table = churn_table(observed, as_of, churn_rule)
    return purchases.merge(table, on="customer_id", validate="one_to_one")


def train(purchases: SparkDataFrame, churn_rule: ChurnRule) -> Training | None:
    """Learn from `int_customer_purchases`; None where fewer than ten customers were lost."""
    frame = registry.sample(purchases, "customer_id", TRAINING_ROWS, ["customer_id"])
    if frame.empty:
        return None
    frame = lives(frame, churn_rule)
    known = frame[frame["duration_days"] > 0]
    if (known["is_churned"]).sum() < MIN_EVENTS:
        return None
    levels = known["membership_level"].dropna()
    references = {"membership_level": "normal"} if levels.eq("normal").any() else {}
    model = ChurnModel(references=references).fit(frame, COVARIATES)
    tables = {"drivers": model.drivers(), "drivers_weibull": model.drivers("weibull")}
    state = model.to_dict()
    lost = known.loc[known["is_churned"], "duration_days"].to_numpy(int)
    state["losses_by_day"] = np.bincount(lost).cumsum().tolist()
    state["rule"] = {"kind": churn_rule.kind, "days": churn_rule.days, "intervals": churn_rule.intervals}
    candidate = Candidate(
        model.champion_, state, model.metrics_, {"covariates": list(COVARIATES), "rule": state["rule"]}, tables
    )
    return Training(
        [candidate], model.champion_, len(frame),
        pd.Timestamp(frame["entry_date"].min()).date(), pd.Timestamp(frame["as_of_date"].iloc[0]).date(),
        drift.profile(frame[list(COVARIATES)]),
    )  # fmt: skip


def survival_curves(purchases: SparkDataFrame, segments: SparkDataFrame, churn_rule: ChurnRule) -> pd.DataFrame:
    """Kaplan-Meier curves (``CURVE_SCHEMA``) by customer segment and by membership level."""
    joined = purchases.join(segments.select("customer_id", "segment_name"), "customer_id", "left")
    frame = registry.sample(joined, "customer_id", TRAINING_ROWS, ["customer_id"])
    names = column_names(CURVE_SCHEMA)
    if frame.empty:
        return pd.DataFrame({name: [] for name in names})
    frame = lives(frame, churn_rule)
    parts = []
    for kind, column in (("segment", "segment_name"), ("membership level", "membership_level")):
        table = curves(frame, column)
        parts.append(table.assign(segment_type=kind))
    return pd.concat(parts, ignore_index=True)[names].astype({"day": int, "at_risk": int})
