"""Forecasts against naive ones, on sales with planted seasons and on the daily revenue of UCI Online Retail.

python benchmarks/forecasting.py --data ../shared/data

Each series is forecast from origins a horizon apart. The method is chosen per data set on the earlier half of them and
judged, like every other, on the later half, so that the choice has no part in its own success. The oracle knows the
expectation of the simulated counts; no method can do better but by chance. Where the library statsforecast is installed
its AutoETS and AutoTheta stand beside ours.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from precision_marketing.models import forecasting
from precision_marketing.models.forecast_methods import BASELINE, METHODS, WEEK, make_panel

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = Path(os.environ.get("MARKETING_SHARED_DATA", ROOT.parent / "shared" / "data"))

# What docs/demo_data.md plants.
WEEKDAYS = np.array([0.85, 0.85, 0.90, 0.95, 1.10, 1.25, 1.10])
SALES_DAYS = {"06-18": 2.0, "11-11": 2.5, "12-12": 1.5}
EVENTS = pd.DataFrame({"event": list(SALES_DAYS), "day": list(SALES_DAYS)})


HEADINGS = (
    "data", "days ahead", "method", "WAPE", "95% interval", "skill against seasonal naive", "95% interval", "MASE",
    "R²", "coverage of 90% intervals",
)  # fmt: skip


class Case(NamedTuple):
    """A frame to forecast, how, and the expectation of its values where it is known."""

    name: str
    frame: pd.DataFrame
    horizon: int
    origins: int
    events: pd.DataFrame | None = None
    expected: pd.DataFrame | None = None


def simulate(months: int, end: str, groups: int = 10, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Counts per product group and day with the planted seasons around a drifting level, and their expectation."""
    rng = np.random.default_rng(seed)
    last = pd.Timestamp(end)
    dates = pd.date_range(last - pd.DateOffset(months=months) + pd.Timedelta(days=1), last, freq="D")
    wave = 1 + 0.25 * np.cos(2 * np.pi * (dates.dayofyear.to_numpy() - 345) / 365.25)
    sales_days = np.array([SALES_DAYS.get(day, 1.0) for day in dates.strftime("%m-%d")])
    drift = np.exp(np.cumsum(rng.normal(0, 0.01, (groups, len(dates))), axis=1))
    expected = np.geomspace(5, 80, groups)[:, None] * WEEKDAYS[dates.dayofweek] * wave * sales_days * drift
    counts = rng.poisson(rng.gamma(20, expected / 20)).astype(float)
    keys = {"series_id": np.repeat(np.arange(groups), len(dates)), "date": np.tile(dates, groups)}
    return pd.DataFrame({**keys, "value": counts.ravel()}), pd.DataFrame({**keys, "expected": expected.ravel()})


def online_retail(folder: Path, groups: int = 10) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Net revenue per day (GBP), of all and of the groups (first three digits) largest in the first half year."""
    lines = pd.read_csv(
        folder / "online_retail.csv.gz",
        usecols=["StockCode", "Quantity", "InvoiceDate", "UnitPrice"], encoding_errors="replace",
    )  # fmt: skip
    lines["date"] = pd.to_datetime(lines["InvoiceDate"]).dt.normalize()
    lines["value"] = lines["Quantity"] * lines["UnitPrice"]
    lines["series_id"] = lines["StockCode"].astype(str).str[:3]
    early = lines[(lines["date"] < "2011-06-01") & lines["series_id"].str.isdigit()]
    largest = early.groupby("series_id")["value"].sum().nlargest(groups).index
    parts = (lines.assign(series_id="all"), lines[lines["series_id"].isin(largest)])
    everything, top = (part.groupby(["series_id", "date"], as_index=False)["value"].sum() for part in parts)
    return everything, top


def rows_of(case: Case, level: float = 0.9) -> Iterator[tuple[str, ...]]:
    """The rows of the table for one case: naive methods, learners, the one chosen and the oracle."""
    errors = forecasting.rolling_origin(case.frame, case.horizon, case.origins, events=case.events)
    origins = np.sort(errors["origin"].unique())
    middle = origins[len(origins) // 2]
    choice = forecasting.choose_method(
        errors[errors["date"] <= middle], groups=dict.fromkeys(errors["series_id"].unique(), case.name)
    )
    later = forecasting.interval_backtest(errors, level)
    later = later[later["origin"] >= middle]
    naive = later[later["method"] == BASELINE]
    # Where another method stands in for every series, as for the yearly wave of a single year, there is no row.
    parts = {name: later[later["method"] == name] for name in METHODS if (later["used"] == name).any()}
    parts[f"chosen: {choice['method'].iloc[0]}"] = forecasting.chosen_errors(later, choice)
    parts |= statsforecast_parts(case, naive)
    if case.expected is not None:
        known = naive.drop(columns=["low", "high"]).merge(case.expected, on=["series_id", "date"])
        parts["oracle"] = known.assign(forecast=known["expected"], error=known["actual"] - known["expected"])
    for name, part in parts.items():
        found = {metric.metric: metric for metric in forecasting.metrics(part, naive)}
        wape, skill, coverage = found["wape"], found["skill"], found.get("coverage")
        yield (
            case.name, str(case.horizon), name, f"{wape.value:.3f}", f"{wape.ci_low:.3f} to {wape.ci_high:.3f}",
            f"{skill.value:.1%}", f"{skill.ci_low:.1%} to {skill.ci_high:.1%}", f"{found['mase'].value:.2f}",
            f"{found['r2'].value:.2f}",
            f"{coverage.value:.1%} ({coverage.ci_low:.1%} to {coverage.ci_high:.1%})" if coverage else "",
        )  # fmt: skip


def statsforecast_parts(case: Case, naive: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Errors of the library statsforecast on the rows of ``naive``, by method; none where it is not installed."""
    try:
        from statsforecast import StatsForecast
        from statsforecast.models import AutoETS, AutoTheta
    except ImportError:
        return {}
    panel = make_panel(case.frame)
    known = pd.DataFrame(panel.values.T, index=panel.dates, columns=panel.ids)
    made = []
    for origin in np.sort(naive["origin"].unique()):
        history = (
            known.loc[:origin].melt(ignore_index=False, var_name="unique_id", value_name="y").reset_index(names="ds")
        )
        library = StatsForecast(models=[AutoETS(season_length=WEEK), AutoTheta(season_length=WEEK)], freq="D")
        made.append(library.forecast(df=history.dropna(), h=case.horizon).assign(origin=origin))
    forecasts = pd.concat(made).rename(columns={"unique_id": "series_id", "ds": "date"})
    parts = {}
    for method in ("AutoETS", "AutoTheta"):
        own = forecasts[["series_id", "date", "origin", method]]
        part = naive.drop(columns=["low", "high"]).merge(own, on=["series_id", "date", "origin"])
        part = part.assign(forecast=part[method], error=part["actual"] - part[method]).drop(columns=method)
        parts[f"statsforecast: {method}"] = part
    return parts


def speed_ratio(frame: pd.DataFrame) -> float:
    """How many times longer exponential smoothing takes series by series than side by side."""
    series = [part for _, part in frame.groupby("series_id")]
    seconds = []
    for frames in ([frame], series):
        start = time.perf_counter()
        for part in frames:
            forecasting.forecast(part, 28, "exponential_smoothing")
        seconds.append(time.perf_counter() - start)
    return seconds[1] / seconds[0]


def main() -> None:
    """Print one Markdown table over all cases, and the ratio of speed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder with the real data sets")
    options = parser.parse_args()

    cases = []
    for months, end in ((18, "2025-06-30"), (36, "2025-12-31")):
        frame, expected = simulate(months, end)
        cases.append(Case(f"simulated, {months} months", frame, 28, 10, EVENTS, expected))
    folder = options.data / "online_retail"
    if folder.is_dir():
        everything, top = online_retail(folder)
        for horizon, origins in ((7, 30), (28, 9)):
            cases.append(Case("Online Retail, all", everything, horizon, origins))
            cases.append(Case("Online Retail, 10 groups", top, horizon, origins))
    else:
        print(f"Online Retail is missing: {folder} (set MARKETING_SHARED_DATA, see docs/real_data.md)\n")

    print("| " + " | ".join(HEADINGS) + " |\n" + "|---" * len(HEADINGS) + "|")
    for case in cases:
        for row in rows_of(case):
            print("| " + " | ".join(row) + " |", flush=True)
    print(f"\n10 series one by one take {speed_ratio(cases[0].frame):.1f} times as long as side by side.")


if __name__ == "__main__":
    main()
