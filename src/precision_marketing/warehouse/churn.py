"""Churn in the warehouse: what the dbt Python models in models/ml/churn call. The models are in `models.survival`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from precision_marketing.models import drift
from precision_marketing.models.churn import ChurnRule, churn_table
from precision_marketing.models.survival import MIN_EVENTS, ChurnModel, curves
from precision_marketing.models.timing import best_contact_days, best_hour_and_channel, curve_of, fit_answers
from precision_marketing.models.training import Candidate, Training
from precision_marketing.warehouse import registry
from precision_marketing.warehouse.frames import typed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

TRAINING_ROWS = 100_000
# As of the entry of a customer, so that none is an effect of leaving.
COVARIATES = ("membership_level", "is_dissatisfied", "tenure_years_at_entry", "gender")
SCORE_SCHEMA = (
    "customer_id string, survival_30d double, survival_60d double, survival_90d double, "
    "expected_remaining_days double, hazard_ratio double, risk_band string, best_contact_date date, "
    "contact_basis string, contact_reason string, contact_gain double, contact_gain_low double, "
    "contact_gain_high double, contact_good_from date, contact_good_until date, "
    f"reasons {registry.REASON_SCHEMA}"
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


CONTACT_COLUMNS = {
    "best_contact_date": "best_contact_date", "contact_basis": "basis", "contact_reason": "reason",
    "contact_gain": "expected_gain", "contact_gain_low": "gain_low", "contact_gain_high": "gain_high",
    "contact_good_from": "good_from", "contact_good_until": "good_until",
}  # fmt: skip


def _losses(by_day: list[int]) -> Callable[[pd.DataFrame, np.ndarray], np.ndarray]:
    """How many losses the curve was learned from, by day since the entry (`models.timing.losses_behind`)."""
    counts = np.asarray(by_day, float)

    def losses(frame: pd.DataFrame, days: np.ndarray) -> np.ndarray:
        at = (frame["duration_days"].to_numpy(float)[:, None] + days).astype(int)
        return counts[np.minimum(at, len(counts) - 1)]

    return losses


class Scorer:
    """The risk of customers, given as rows of `int_customer_purchases`."""

    def __init__(self, state: dict[str, Any], days_before: int) -> None:
        self.state, self.days_before = state, days_before

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Returns the columns of ``SCORE_SCHEMA``."""
        model = ChurnModel.from_dict(self.state)
        frame = lives(frame, ChurnRule(**self.state["rule"]))
        scored = model.predict(frame)
        contact = best_contact_days(
            frame, curve_of(model), frame["as_of_date"].iloc[0], losses=_losses(self.state["losses_by_day"]),
            days_before=self.days_before,
        )  # fmt: skip
        for name, column in CONTACT_COLUMNS.items():
            values = contact[column]
            is_day = pd.api.types.is_datetime64_any_dtype(values)
            scored[name] = [None if pd.isna(day) else day.date() for day in values] if is_day else values.to_numpy()
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


ANSWER_SCHEMA = (
    "customer_id string, channel string, hour int, expected_rate double, rate_low double, rate_high double, "
    "basis string, reason string"
)
ANSWER_SAMPLE = 200_000
BUCKET_ROWS = 50_000


def contact_answers(answers: SparkDataFrame) -> SparkDataFrame:
    """The channel and hour in which each customer is likeliest to answer, with ``ANSWER_SCHEMA``.

    answers: `int_contact_answers`, whose rows without an hour say which channels a customer allows. What all customers
    answer is learned from at most ``ANSWER_SAMPLE`` rows; a customer's rows are scored together.
    """
    sample = registry.sample(answers, "customer_id", ANSWER_SAMPLE, ["customer_id", "channel", "hour"])
    learned = fit_answers(sample[sample["hour"].notna()].astype({"hour": int}))

    def score_bucket(frame: pd.DataFrame) -> pd.DataFrame:
        counts = frame[frame["hour"].notna()].astype({"hour": int})
        consent = frame[["customer_id", "channel"]].drop_duplicates()
        return typed(best_hour_and_channel(counts, consent, learned), ANSWER_SCHEMA)

    buckets = answers.count() // BUCKET_ROWS + 1
    bucketed = answers.selectExpr("*", f"pmod(xxhash64(customer_id), {buckets}) as bucket")
    return bucketed.groupBy("bucket").applyInPandas(score_bucket, ANSWER_SCHEMA)
