"""Churn in the warehouse: what the dbt Python models in models/ml/churn call. The models are in `models.survival`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from precision_marketing.models import drift
from precision_marketing.models.churn import ChurnRule, churn_table, contact_date
from precision_marketing.models.survival import MIN_EVENTS, ChurnModel, curves
from precision_marketing.models.training import Candidate, Training
from precision_marketing.warehouse import registry

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

TRAINING_ROWS = 100_000
# As of the entry of a customer, so that none is an effect of leaving.
COVARIATES = ("membership_level", "is_dissatisfied", "tenure_years_at_entry", "gender")
SCORE_SCHEMA = (
    "customer_id string, survival_30d double, survival_60d double, survival_90d double, "
    "expected_remaining_days double, hazard_ratio double, risk_band string, best_contact_date date, "
    f"contact_reason string, reasons {registry.REASON_SCHEMA}"
)
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
    state["rule"] = {"kind": churn_rule.kind, "days": churn_rule.days, "intervals": churn_rule.intervals}
    candidate = Candidate(
        model.champion_, state, model.metrics_, {"covariates": list(COVARIATES), "rule": state["rule"]}, tables
    )
    return Training(
        [candidate], model.champion_, len(frame),
        pd.Timestamp(frame["entry_date"].min()).date(), pd.Timestamp(frame["as_of_date"].iloc[0]).date(),
        drift.profile(frame[list(COVARIATES)]),
    )  # fmt: skip


class Scorer:
    """The risk of customers, given as rows of `int_customer_purchases`."""

    def __init__(self, state: dict[str, Any], days_before: int) -> None:
        self.state, self.days_before = state, days_before

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Returns the columns of ``SCORE_SCHEMA``."""
        model = ChurnModel.from_dict(self.state)
        frame = lives(frame, ChurnRule(**self.state["rule"]))
        scored = model.predict(frame)
        contact = contact_date(
            model, frame, frame["as_of_date"].iloc[0], self.days_before, membership_column="membership_expires_on"
        )
        scored["best_contact_date"] = [None if pd.isna(day) else day.date() for day in contact["best_contact_date"]]
        scored["contact_reason"] = contact["reason"].to_numpy()
        scored["reasons"] = _reasons(model, frame)
        return scored


def _reasons(model: ChurnModel, frame: pd.DataFrame) -> list[list[dict[str, Any]]]:
    """Why the risk of loss is as it is: the covariates that move the log hazard farthest, in words."""
    found = model.explain(frame)
    return [
        [
            {"feature": name, "contribution": float(amount), "reason": f"{name.replace('_', ' ')} is {row[name]}"}
            for place in (1, 2, 3)
            if (name := why[f"covariate_{place}"]) in row.index and (amount := why[f"contribution_{place}"]) != 0
        ]
        for (_, why), (_, row) in zip(found.iterrows(), frame.iterrows(), strict=True)
    ]


def score(purchases: SparkDataFrame, state: dict[str, Any] | None, days_before: int) -> SparkDataFrame:
    """Customers of `int_customer_purchases` with ``SCORE_SCHEMA``; none without a model."""
    if state is None:
        return registry.score(purchases.where("false"), SCORE_SCHEMA, pd.DataFrame)
    return registry.score(purchases, SCORE_SCHEMA, Scorer(state, days_before))


def survival_curves(purchases: SparkDataFrame, segments: SparkDataFrame, churn_rule: ChurnRule) -> pd.DataFrame:
    """Kaplan-Meier curves (``CURVE_SCHEMA``) by customer segment and by membership level."""
    joined = purchases.join(segments.select("customer_id", "segment_name"), "customer_id", "left")
    frame = registry.sample(joined, "customer_id", TRAINING_ROWS, ["customer_id"])
    names = [column.split()[0] for column in CURVE_SCHEMA.split(", ")]
    if frame.empty:
        return pd.DataFrame({name: [] for name in names})
    frame = lives(frame, churn_rule)
    parts = []
    for kind, column in (("segment", "segment_name"), ("membership level", "membership_level")):
        table = curves(frame, column)
        parts.append(table.assign(segment_type=kind))
    return pd.concat(parts, ignore_index=True)[names].astype({"day": int, "at_risk": int})
