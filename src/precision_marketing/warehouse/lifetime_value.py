"""Lifetime value in the warehouse: what the dbt Python models in models/ml/value call. The models are in
`models.lifetime_value`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from precision_marketing.models import drift
from precision_marketing.models.lifetime_value import (
    BetaGeoNBD,
    GammaGamma,
    LifetimeModels,
    fit_summary,
    holdout_metrics,
    lifetime_value,
    score,
)
from precision_marketing.models.training import Candidate, Metric, Training
from precision_marketing.warehouse import registry

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

TRAINING_ROWS = 1_000_000
SCORE_SCHEMA = (
    "customer_id string, probability_alive double, expected_purchases_90d double, expected_order_value double, "
    "clv_12m double"
)
# A purchase that refunds outweigh has no value that Gamma-Gamma knows; it is taken for one of next to nothing.
LEAST_VALUE = 0.01
FEATURES = ["frequency", "recency_days", "age_days", "average_order_value"]


def summary(purchases: pd.DataFrame) -> pd.DataFrame:
    """Rows of `int_customer_purchases` as `models.lifetime_value` takes them, their other columns beside."""
    value = pd.to_numeric(purchases["average_repeat_amount"]).clip(lower=LEAST_VALUE)
    return purchases.assign(average_order_value=value)


def train(purchases: SparkDataFrame, holdout_days: int) -> Training | None:
    """Learn from `int_customer_purchases`; None where nobody has bought twice, or the likelihood has no maximum.

    The figures are of the newest ``holdout_days`` days, foreseen by a model of the days before.
    """
    frame = registry.sample(purchases, "customer_id", TRAINING_ROWS, ["customer_id"])
    if frame.empty:
        return None
    frame = summary(frame)
    try:
        models = fit_summary(frame)
    except (ValueError, RuntimeError):
        return None
    metrics: list[Metric] = []
    earlier = frame[frame["earlier_frequency"].notna()]
    then = earlier[["earlier_frequency", "earlier_recency_days", "earlier_age_days"]].set_axis(FEATURES[:3], axis=1)
    try:
        judged = BetaGeoNBD().fit(*(then[name] for name in FEATURES[:3]))
        metrics = holdout_metrics(judged, then, earlier["later_purchases"], holdout_days)
    except (ValueError, RuntimeError):
        pass  # too little to hold out: no figures
    candidate = Candidate(
        "bg/nbd and gamma-gamma",
        {"bgnbd": models.bgnbd.to_dict(), "gammagamma": models.gammagamma.to_dict()},
        metrics,
        {"bgnbd": models.bgnbd.to_dict(), "gammagamma": models.gammagamma.to_dict()},
    )
    as_of = pd.Timestamp(frame["as_of_date"].iloc[0]).date()
    first = pd.Timestamp(frame["first_order_date"].min()).date()
    return Training([candidate], candidate.algorithm, len(frame), first, as_of, drift.profile(frame[FEATURES]))


class Scorer:
    """The value of customers, given as rows of `int_customer_purchases`."""

    def __init__(self, state: dict, annual_discount_rate: float) -> None:
        self.state, self.annual_discount_rate = state, annual_discount_rate

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Returns the columns of ``SCORE_SCHEMA``."""
        models = LifetimeModels(
            BetaGeoNBD.from_dict(self.state["bgnbd"]), GammaGamma.from_dict(self.state["gammagamma"])
        )
        frame = summary(frame)
        scored = score(frame, models, (90,))
        scored["clv_12m"] = lifetime_value(*models, frame, annual_discount_rate=self.annual_discount_rate)
        scored.insert(0, "customer_id", frame["customer_id"])
        return scored


def score_customers(purchases: SparkDataFrame, state: dict | None, annual_discount_rate: float) -> SparkDataFrame:
    """Customers of `int_customer_purchases` with ``SCORE_SCHEMA``; none without a model."""
    if state is None:
        return registry.score(purchases.where("false"), SCORE_SCHEMA, pd.DataFrame)
    return registry.score(purchases, SCORE_SCHEMA, Scorer(state, annual_discount_rate))
