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
    MeanRate,
    ShrunkenMean,
    fit_summary,
    holdout_metrics,
    lifetime_value,
    score,
)
from precision_marketing.models.training import Candidate, Metric, Training, is_surely_ahead
from precision_marketing.warehouse import registry

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

TRAINING_ROWS = 1_000_000
SCORE_SCHEMA = (
    "customer_id string, probability_alive double, expected_purchases_90d double, expected_order_value double, "
    "clv_12m double, method string, value_reason string"
)
NO_VALUE = "what was given back or given away outweighs the repeat purchases: left out of the fit, taken as 0"
FEATURES = ["frequency", "recency_days", "age_days", "average_order_value"]


def summary(purchases: pd.DataFrame) -> pd.DataFrame:
    """Rows of `int_customer_purchases` as `models.lifetime_value` takes them, their other columns beside.

    An average below 0 is 0: the fit leaves out whoever has it (``fit_summary``), so that gifts and refunds change the
    value of nobody else.
    """
    value = pd.to_numeric(purchases["average_repeat_amount"]).clip(lower=0)
    return purchases.assign(average_order_value=value)


def train(purchases: SparkDataFrame, holdout_days: int) -> Training | None:
    """Learn from `int_customer_purchases`; None where nobody has bought twice.

    The candidates are BG/NBD and the customer's own mean rate, judged on the newest ``holdout_days`` days, foreseen by
    a model of the days before. What is foreseen is a mean, so squared errors decide: absolute ones would reward a
    forecast of nothing. The mean rate stands unless BG/NBD spares more of its error than one standard error.
    """
    frame = registry.sample(purchases, "customer_id", TRAINING_ROWS, ["customer_id"])
    if frame.empty:
        return None
    frame = summary(frame)
    try:
        models = fit_summary(frame)
    except ValueError:
        return None
    metrics = _judge(frame, holdout_days)
    gain = next((metric for metric in metrics if metric.metric == "rmse_reduction_mean_rate"), None)
    value = "gamma-gamma" if isinstance(models.gammagamma, GammaGamma) else "shrunken mean"
    state = {
        "bgnbd": models.bgnbd.to_dict() if isinstance(models.bgnbd, BetaGeoNBD) else None,
        value: models.gammagamma.to_dict(),
    }
    candidates = [Candidate(f"mean rate and {value}", state | {"method": f"mean rate and {value}"}, [], state)]
    champion = candidates[0].algorithm
    if state["bgnbd"]:
        method = f"bg/nbd and {value}"
        candidates.append(Candidate(method, state | {"method": method}, metrics, state))
        champion = method if gain and is_surely_ahead(gain) else champion
    as_of = pd.Timestamp(frame["as_of_date"].iloc[0]).date()
    first = pd.Timestamp(frame["first_order_date"].min()).date()
    return Training(candidates, champion, len(frame), first, as_of, drift.profile(frame[FEATURES]))


def _judge(frame: pd.DataFrame, holdout_days: int) -> list[Metric]:
    """Figures of BG/NBD on the newest days; none where there is too little to hold out."""
    earlier = frame[frame["earlier_frequency"].notna()]
    then = earlier[["earlier_frequency", "earlier_recency_days", "earlier_age_days"]].set_axis(FEATURES[:3], axis=1)
    try:
        judged = BetaGeoNBD().fit(*(then[name] for name in FEATURES[:3]))
        return holdout_metrics(judged, then, earlier["later_purchases"], holdout_days)
    except (ValueError, RuntimeError):
        return []


class Scorer:
    """The value of customers, given as rows of `int_customer_purchases`."""

    def __init__(self, state: dict, annual_discount_rate: float) -> None:
        self.state, self.annual_discount_rate = state, annual_discount_rate

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Returns the columns of ``SCORE_SCHEMA``."""
        state = self.state
        bgnbd = BetaGeoNBD.from_dict(state["bgnbd"]) if state["bgnbd"] else None
        value = ShrunkenMean(**state["shrunken mean"]) if "shrunken mean" in state else None
        models = LifetimeModels(
            bgnbd if bgnbd is not None and state["method"].startswith("bg/nbd") else MeanRate(),
            value or GammaGamma.from_dict(state["gamma-gamma"]),
        )
        frame = summary(frame)
        scored = score(frame, models, (90,))
        if bgnbd is not None:  # the mean rate knows no end
            scored["probability_alive"] = bgnbd.probability_alive(*(frame[name] for name in FEATURES[:3]))
        scored["clv_12m"] = lifetime_value(*models, frame, annual_discount_rate=self.annual_discount_rate)
        scored.insert(0, "customer_id", frame["customer_id"])
        brings_nothing = (frame["frequency"] > 0) & (frame["average_order_value"] <= 0)
        stands_in = f"shrunken mean: {value.reason}" if value is not None else None
        reason = brings_nothing.map({True: NO_VALUE, False: stands_in}).astype(object)
        return scored.assign(method=state["method"], value_reason=reason.where(reason.notna(), None))


def score_customers(purchases: SparkDataFrame, state: dict | None, annual_discount_rate: float) -> SparkDataFrame:
    """Customers of `int_customer_purchases` with ``SCORE_SCHEMA``; none without a model."""
    if state is None:
        return registry.score(purchases.where("false"), SCORE_SCHEMA, pd.DataFrame)
    return registry.score(purchases, SCORE_SCHEMA, Scorer(state, annual_discount_rate))
