"""Forecasts of demand in the warehouse: what the models in models/ml/demand call; `models.forecasting` has the methods.

A series is the units sold of a category per day, or the visits to the shop. Categories choose a method together, since
one series alone has too few past forecasts to tell good from lucky; visits choose their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from precision_marketing.models import forecasting
from precision_marketing.models.inputs import column_names
from precision_marketing.models.training import Candidate, Metric, Training, is_surely_ahead

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

SCHEMA = "series_id string, date date, forecast double, low double, high double, method string"


def series(demand: SparkDataFrame) -> pd.DataFrame:
    """`int_daily_demand` on the driver: series_id, date, value. It grows with categories and days only."""
    frame: pd.DataFrame = demand.select("series_id", "date", "value").toPandas()
    return frame.assign(date=pd.to_datetime(frame["date"])).sort_values(["series_id", "date"], ignore_index=True)


def events(sales_days: Sequence[str]) -> pd.DataFrame | None:
    """The sales days of the project's variable ('MM-DD' or 'YYYY-MM-DD') as ``models.forecasting`` takes them."""
    return pd.DataFrame({"event": list(sales_days), "day": list(sales_days)}) if sales_days else None


def kind(series_id: str) -> str:
    """What kind of series it is: 'category' or 'visits'."""
    return series_id.partition(":")[0]


def train(demand: SparkDataFrame, horizon_days: int, sales_days: Sequence[str]) -> Training | None:
    """Forecast again from days past, and choose per kind of series; None where there is too little history.

    The figures are those of the later half of these days, with a choice made on the earlier half. Where these are not
    surely ahead of the baseline, it is what forecasts.
    """
    frame = series(demand)
    if frame.empty:
        return None
    parts, choices, metrics = [], [], []
    # Kinds apart: a sales day's factor is learned from all series of a frame.
    for name, own in frame.groupby(frame["series_id"].map(kind)):
        errors = forecasting.rolling_origin(own, horizon_days, events=events(sales_days))
        if errors.empty:
            continue
        pooled = dict.fromkeys(own["series_id"], name)
        judged = _metrics(errors, pooled, name)
        metrics += judged
        skill = next((metric for metric in judged if metric.metric == "skill"), None)
        if skill is None or not is_surely_ahead(skill):
            errors = errors[errors["method"] == forecasting.BASELINE]
        choice = forecasting.choose_method(errors, pooled)
        parts.append(forecasting.chosen_errors(errors, choice))
        choices.append(choice)
    if not parts:
        return None
    choice = pd.concat(choices, ignore_index=True)
    methods = dict(choice[["series_id", "method"]].itertuples(index=False))
    state = {"methods": methods, "errors": pd.concat(parts, ignore_index=True), "horizon_days": horizon_days}
    chosen = {name: methods[one] for one in sorted(methods) if (name := kind(one))}
    candidate = Candidate(
        "chosen per kind", state, metrics, {"methods": chosen, "horizon_days": horizon_days}, {"choice": choice}
    )
    days = frame["date"]
    return Training([candidate], "chosen per kind", len(frame), days.min().date(), days.max().date())


def _metrics(errors: pd.DataFrame, pooled: dict[str, str], segment: str) -> list[Metric]:
    origins = sorted(errors["origin"].unique())
    early = errors["origin"] < origins[len(origins) // 2]
    if not early.any():
        return []
    choice = forecasting.choose_method(errors[early], pooled)
    late = errors[~early & errors["series_id"].isin(choice["series_id"])]
    naive = late[late["method"] == "seasonal_naive"]
    return forecasting.metrics(forecasting.chosen_errors(late, choice), naive, segment)


def forecast(demand: SparkDataFrame, state: dict[str, Any] | None, sales_days: Sequence[str]) -> pd.DataFrame:
    """Forecasts of the days after the newest one (columns of ``SCHEMA``); none without a trained model."""
    names = column_names(SCHEMA)
    frame = series(demand)
    if state is None or frame.empty:
        return pd.DataFrame({name: [] for name in names})
    parts = []
    for _, own in frame.groupby(frame["series_id"].map(kind)):
        methods = {one: state["methods"].get(one, "seasonal_naive") for one in own["series_id"].unique()}
        parts.append(
            forecasting.forecast(
                own, state["horizon_days"], methods, events=events(sales_days),
                errors=state["errors"][state["errors"]["series_id"].isin(methods)],
            )
        )  # fmt: skip
    found = pd.concat(parts, ignore_index=True)
    return found.assign(date=found["date"].dt.date)[names]
