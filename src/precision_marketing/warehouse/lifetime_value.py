"""Lifetime value in the warehouse: what the dbt Python models in models/ml/value call. The models are in
`models.lifetime_value`."""

from __future__ import annotations

from calendar import month_name
from collections.abc import Mapping, Sequence
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
from precision_marketing.models.seasons import SeasonalBetaGeoNBD, SeasonalTime, fit_seasonal
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
MEAN_RATE, BGNBD, SEASONAL = "mean rate", "bg/nbd", "seasonal bg/nbd"
RIVALS = {MEAN_RATE: "mean_rate", BGNBD: "bgnbd"}
"""How the figures of a method name the simpler ones."""
FEATURES = ["frequency", "recency_days", "age_days", "average_order_value"]


def summary(purchases: pd.DataFrame) -> pd.DataFrame:
    """Rows of `int_customer_purchases` as `models.lifetime_value` takes them, their other columns beside.

    An average below 0 is 0: the fit leaves out whoever has it (``fit_summary``), so that gifts and refunds change the
    value of nobody else.
    """
    value = pd.to_numeric(purchases["average_repeat_amount"]).clip(lower=0)
    return purchases.assign(average_order_value=value)


def train(purchases: SparkDataFrame, days: SparkDataFrame, holdout_days: int) -> Training | None:
    """Learn from `int_customer_purchases` and `int_purchase_days` (see ``learn``)."""
    frame = registry.sample(purchases, "customer_id", TRAINING_ROWS, ["customer_id"])
    return learn(frame, days.toPandas(), holdout_days)


def learn(frame: pd.DataFrame, days: pd.DataFrame, holdout_days: int) -> Training | None:
    """Learn from rows of `int_customer_purchases` and `int_purchase_days`; None where nobody has bought twice.

    The candidates, the simplest first, are the customer's own mean rate, BG/NBD, and BG/NBD with seasons where there
    are any, judged on the newest ``holdout_days`` days, foreseen by a model of the days before. What is foreseen is a
    mean, so squared errors decide: absolute ones would reward a forecast of nothing. One rule for all: the simpler one
    stands unless the next spares more of its error than one standard error.
    """
    if frame.empty:
        return None
    frame = summary(frame)
    try:
        models = fit_summary(frame)
    except ValueError:
        return None
    as_of = pd.Timestamp(frame["as_of_date"].iloc[0])
    value = "gamma-gamma" if isinstance(models.gammagamma, GammaGamma) else "shrunken mean"
    state = {
        "bgnbd": models.bgnbd.to_dict() if isinstance(models.bgnbd, BetaGeoNBD) else None,
        value: models.gammagamma.to_dict(),
    }
    methods, note = {MEAN_RATE: state}, None
    metrics: dict[str, list[Metric]] = {}
    if isinstance(models.bgnbd, BetaGeoNBD):
        methods[BGNBD] = state
        metrics, note = _judge(frame, days, as_of, holdout_days)
        if SEASONAL in metrics:
            seasonal, note = _seasonal(frame, days, as_of, models.bgnbd)
            if seasonal is None:
                del metrics[SEASONAL]
            else:
                season = {"bgnbd": seasonal.bgnbd.to_dict(), "season": seasonal.time.factors.tolist()}
                methods[SEASONAL] = state | season
    stands = _best(metrics)
    if SEASONAL in methods and stands != SEASONAL:
        note = "The method with seasons was not surely ahead on the days held out."
    candidates = [
        Candidate(
            f"{method} and {value}",
            settings | {"method": f"{method} and {value}"},
            metrics.get(method, []),
            settings | ({"note": note} if note else {}),
        )
        for method, settings in methods.items()
    ]
    first = pd.Timestamp(frame["first_order_date"].min()).date()
    profile = drift.profile(frame[FEATURES])
    return Training(candidates, f"{stands} and {value}", len(frame), first, as_of.date(), profile)


def _best(metrics: Mapping[str, Sequence[Metric]]) -> str:
    """The method that stands; metrics: of each but the mean rate, the simplest first."""
    stands = MEAN_RATE
    for method, figures in metrics.items():
        gain = next((figure for figure in figures if figure.metric == f"rmse_reduction_{RIVALS[stands]}"), None)
        if gain is not None and is_surely_ahead(gain):
            stands = method
    return stands


def _judge(
    frame: pd.DataFrame, days: pd.DataFrame, as_of: pd.Timestamp, holdout_days: int
) -> tuple[dict[str, list[Metric]], str | None]:
    """Figures of the methods on the newest days, and why there are none with seasons; {} if too little is held out."""
    earlier = frame[frame["earlier_frequency"].notna()]
    then = earlier[["earlier_frequency", "earlier_recency_days", "earlier_age_days"]].set_axis(FEATURES[:3], axis=1)
    later = earlier["later_purchases"]
    try:
        bgnbd = BetaGeoNBD().fit(*(then[name] for name in FEATURES[:3]))
        found = {BGNBD: holdout_metrics(bgnbd, then, later, holdout_days)}
    except (ValueError, RuntimeError):
        return {}, None
    seasonal, note = _seasonal(then, days, as_of - pd.Timedelta(days=holdout_days), bgnbd)
    if seasonal is not None:
        rivals = {RIVALS[BGNBD]: bgnbd}
        found[SEASONAL] = holdout_metrics(seasonal, then, later, holdout_days, rivals=rivals)
    return found, note


def _seasonal(
    frame: pd.DataFrame, days: pd.DataFrame, until: pd.Timestamp, bgnbd: BetaGeoNBD
) -> tuple[SeasonalBetaGeoNBD | None, str]:
    """The model with seasons as of a day, and what they are, or why there are none."""
    try:
        seasonal = fit_seasonal(frame, days, until.to_datetime64(), bgnbd)
    except (ValueError, RuntimeError) as error:
        return None, f"No season is foreseen: up to {until:%Y-%m-%d}, {error}."
    low, high = seasonal.time.factors.argmin(), seasonal.time.factors.argmax()
    most, least = (f"{seasonal.time.factors[month]:.2f} in {month_name[month + 1]}" for month in (high, low))
    return seasonal, f"Purchases by season: {most} to {least}, 1 on average."


class Scorer:
    """The value of customers, given as rows of `int_customer_purchases`."""

    def __init__(self, state: dict, annual_discount_rate: float) -> None:
        self.state, self.annual_discount_rate = state, annual_discount_rate

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Returns the columns of ``SCORE_SCHEMA``."""
        state = self.state
        bgnbd: BetaGeoNBD | SeasonalBetaGeoNBD | None = None
        if state["bgnbd"]:
            bgnbd = BetaGeoNBD.from_dict(state["bgnbd"])
            if "season" in state:
                bgnbd = SeasonalBetaGeoNBD(bgnbd, SeasonalTime(state["season"]), frame["as_of_date"].iloc[0])
        value = ShrunkenMean(**state["shrunken mean"]) if "shrunken mean" in state else None
        models = LifetimeModels(
            MeanRate() if bgnbd is None or state["method"].startswith(MEAN_RATE) else bgnbd,
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
