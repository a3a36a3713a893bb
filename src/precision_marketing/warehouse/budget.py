"""Budgets in the warehouse: what the dbt Python model in models/ml/budget calls. The program is in `models.budget`, the
response to spending in `models.response`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from precision_marketing.models.budget import ConflictError, UnboundedError, allocate
from precision_marketing.models.inputs import column_names
from precision_marketing.models.response import IDENTIFIED, Curve, concave_pieces, fit_response

ALLOCATION_SCHEMA = (
    "plan string, period int, channel string, volume double, spend double, expected_return double, return_low double, "
    "return_high double, return_per_unit double, stays_from double, stays_to double, reduced_cost double, "
    "shadow_price double, status string, reason string, verdict string, basis string"
)
COLUMNS = column_names(ALLOCATION_SCHEMA)
LEAST_WEEKS = 8  # of a channel; a ratio of fewer weeks has no interval worth the name
PIECES = 5


def measured_channels(weeks: pd.DataFrame, plan_weeks: int, history_weeks: int, max_change: float) -> pd.DataFrame:
    """The channels of `int_channel_weeks` as ``allocate`` takes them, a unit being an impression.

    Returns per impression are ratios of sums over the newest ``history_weeks``, with an interval from how the weeks
    scatter about the ratio. Volumes may change by ``max_change`` (0 to 1) against the mean of those weeks: farther away
    nothing has been seen. Where spending surely returns less the more is spent, the channel has pieces. basis says in
    words where the figures come from. Channels that cost nothing are left out: no budget decides about them.
    """
    if weeks.empty:
        return pd.DataFrame(columns=["channel"])
    weeks = weeks.assign(week_start_date=pd.to_datetime(weeks["week_start_date"]))
    newest = weeks["week_start_date"].max()
    recent = weeks[weeks["week_start_date"] > newest - pd.Timedelta(weeks=history_weeks)]
    span = int((newest - recent["week_start_date"].min()).days // 7 + 1)
    curves = fit_response(weeks.rename(columns={"week_start_date": "week"})[["week", "channel", "spend", "revenue"]])
    parts = []
    for channel, rows in recent.groupby("channel", sort=True):
        shown, spend = float(rows["impressions"].sum()), float(rows["spend"].sum())
        if not (shown > 0 and spend > 0):
            continue
        per_unit = float(rows["revenue"].sum()) / shown
        low, high = _interval(rows["impressions"].to_numpy(float), rows["revenue"].to_numpy(float))
        volume = shown / span * plan_weeks
        curve, unit_cost = curves[str(channel)], spend / shown
        one = {
            "channel": channel, "unit_cost": unit_cost, "return_per_unit": per_unit, "return_low": low,
            "return_high": high, "lower": volume * (1 - max_change), "upper": volume * (1 + max_change),
            "piece": 1, "basis": f"measured in {len(rows)} weeks; {curve.reason}",
        }  # fmt: skip
        parts.append(pd.DataFrame([one]) if curve.verdict != IDENTIFIED else _in_pieces(one, curve, plan_weeks))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["channel"])


def _in_pieces(one: dict, curve: Curve, plan_weeks: int) -> pd.DataFrame:
    """The channel's row as pieces of falling return; the curve counts money a week, the rows impressions."""
    pieces = concave_pieces(curve, one["upper"] * one["unit_cost"] / plan_weeks, PIECES)
    rows = pd.DataFrame({**one, "piece": pieces["piece"]}, index=pieces.index)
    rows["upper"] = pieces["upper"] * plan_weeks / one["unit_cost"]
    for name in ("return_per_unit", "return_low", "return_high"):
        rows[name] = pieces[name] * one["unit_cost"]
    return rows


def _interval(shown: np.ndarray, revenue: np.ndarray) -> tuple[float, float]:
    """The 95% interval of a ratio of sums over weeks, not below 0 unless it is; (NaN, NaN) below ``LEAST_WEEKS``."""
    n = len(shown)
    if n < LEAST_WEEKS:
        return np.nan, np.nan
    ratio = revenue.sum() / shown.sum()
    error = np.sqrt(((revenue - ratio * shown) ** 2).sum() * n / (n - 1)) / shown.sum()
    radius = stats.t.ppf(0.975, n - 1) * error
    return min(max(0.0, ratio - radius), ratio), ratio + radius


def allocation(
    weeks: pd.DataFrame,
    given: pd.DataFrame,
    *,
    money: float | None,
    plan_weeks: int,
    history_weeks: int,
    periods: int,
    max_change: float,
    protection: float,
) -> pd.DataFrame:
    """The plan for ``periods`` periods of ``plan_weeks`` weeks, with ``ALLOCATION_SCHEMA``; no rows without channels.

    given: seeds/budget_channels.csv; without rows the channels are measured from weeks (`int_channel_weeks`). money:
    for one period; None for what the measured channels spent in as many weeks on average. The robust plan stands beside
    the nominal one where every channel has an interval. Limits that clash, returns without one and a program that no
    solver solves do not stop a build: the rows then have no volume, and a reason that names them. Raises ValueError for
    channels without money.
    """
    if len(given):
        if money is None:
            raise ValueError("var('marketing_budget') must be set where seeds/budget_channels.csv names channels")
        channels = given.rename(columns={"lower_volume": "lower", "upper_volume": "upper"})
        channels = channels.assign(basis="seeds/budget_channels.csv")
    else:
        channels = measured_channels(weeks, plan_weeks, history_weeks, max_change)
    if channels.empty:
        return pd.DataFrame(columns=COLUMNS)
    if money is None:
        money = float((channels["unit_cost"] * (channels["lower"] + channels["upper"]) / 2).sum())
    basis = channels.groupby("channel")["basis"].first()
    names = [name for name in channels.columns if name not in ("basis", "reason")]
    has_intervals = channels[["return_low", "return_high"]].notna().all().all()
    try:
        plan = allocate(
            channels[names], money * periods, periods=periods, period_budgets=[money] * periods,
            protection=protection if has_intervals else 0.0,
        )  # fmt: skip
    except (ConflictError, UnboundedError, RuntimeError) as error:
        status = "infeasible" if isinstance(error, ConflictError) else "unbounded"
        status = "not solved" if isinstance(error, RuntimeError) else status
        rows = [(period, name) for period in range(1, periods + 1) for name in sorted(basis.index)]
        found = pd.DataFrame(rows, columns=["period", "channel"])
        found = found.assign(plan="nominal", status=status, reason=str(error), verdict="no plan")
    else:
        found = plan.allocation.merge(plan.summary[["plan", "status"]], on="plan")
        for end in ("stays_from", "stays_to"):
            found[end] = found[end].replace([np.inf, -np.inf], np.nan)
    return found.assign(basis=found["channel"].map(basis)).reindex(columns=COLUMNS)
