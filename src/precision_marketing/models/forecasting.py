"""Daily forecasts of many series at once: sales per product group or product, visits of a shop.

A *frame* has one row per series and day: ``series_id``, ``date`` (a whole day), ``value`` (currency units or a count).
A *method* makes a forecast for each of the next days from the days up to the *origin*, the last known day; nothing
after the origin is ever looked at. Which method to trust is measured: ``rolling_origin`` makes each forecast as it
would have been made on days past, ``choose_method`` picks the winner, and the errors made then give the interval.

Intervals are conformal: quantiles, per step, of the errors at earlier origins, in units of the series' mean error.

Sources: Tashman 2000 (rolling origin); Hyndman and Koehler 2006 (MASE); Vovk, Gammerman and Shafer 2005 and Lei et al.
2018 (conformal intervals).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from precision_marketing.models.forecast_methods import (
    BASELINE,
    METHODS,
    NEIGHBOURING_STEPS,
    ORIGINS,
    WEEK,
    make_block,
    make_forecasts,
    make_panel,
    nan_mean,
)
from precision_marketing.models.inputs import require_columns
from precision_marketing.models.training import Metric, SettingError

TIE = 0.01
BOOTSTRAPS = 2_000
ERROR_COLUMNS = (
    "series_id", "method", "used", "origin", "step", "date", "actual", "forecast", "error", "scale",
)  # fmt: skip
FORECAST_COLUMNS = ("series_id", "date", "forecast", "low", "high", "method")
CHOICE_COLUMNS = ("series_id", "group", "method", "mae", "wape", "baseline_mae", "baseline_wape")


def _check(horizon: int, methods: Sequence[str]) -> None:
    if int(horizon) != horizon or horizon < 1:
        raise SettingError(f"the horizon must be a whole number of days from 1, not {horizon!r}")
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise ValueError(f"unknown methods: {', '.join(map(str, unknown))}; there are {', '.join(METHODS)}")


# Evaluation ----------------------------------------------------------------------------------------


def rolling_origin(
    frame: pd.DataFrame,
    horizon: int,
    origins: int | Sequence = ORIGINS,
    methods: Sequence[str] = METHODS,
    *,
    missing: str = "zero",
    events: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The errors of forecasts made as of days past, each from nothing but the days up to its origin.

    frame: series_id, date, value, in any order; see ``make_panel`` for ``missing``. horizon: days ahead.
    origins: the last known days, as dates; or how many, a horizon apart and the last one a horizon before the newest
    day (fewer where fewer than 28 days would come before the first).
    events: optional known sales days and holidays: event (a name), day ('MM-DD' every year, or 'YYYY-MM-DD').
    Returns one row per series, method, origin and step with a known value (``ERROR_COLUMNS``): method asked for and
    ``used``, actual, forecast, error = actual - forecast, all in the unit of the value, and scale, the mean absolute
    weekly difference up to the origin, by which MASE divides (NaN where it is 0). A series that had not begun at an
    origin has no rows there. Raises ValueError for unusable input, unknown methods and origins outside the frame.
    """
    _check(horizon, methods)
    panel = make_panel(frame, missing)
    days = len(panel.dates)
    if isinstance(origins, int | np.integer):
        if origins < 1:
            raise ValueError(f"origins must be at least 1, not {origins}")
        positions = [at for at in range(days - 1 - horizon * origins, days - horizon, horizon) if at >= 27]
    else:
        positions = list(panel.dates.get_indexer(pd.DatetimeIndex(origins))) if days else []
        if any(at < 0 or at >= days - 1 for at in positions):
            raise ValueError("origins must be days of the frame before its newest")
    if not positions:
        return pd.DataFrame({name: [] for name in ERROR_COLUMNS})
    blocks = [make_block(panel, at, horizon, events) for at in positions]
    found = []
    for method, made in make_forecasts(blocks, methods, horizon).items():
        for at, block, (forecasts, used) in zip(positions, blocks, made, strict=True):
            steps = min(horizon, days - 1 - at)
            actual = panel.values[block.rows, at + 1 : at + 1 + steps]
            scale = nan_mean(np.abs(block.values[:, WEEK:] - block.values[:, :-WEEK]), axis=1)
            count = len(block.rows)
            found.append(
                pd.DataFrame({
                    "series_id": np.repeat(panel.ids[block.rows], steps), "method": method,
                    "used": np.repeat(used, steps), "origin": panel.dates[at],
                    "step": np.tile(np.arange(1, steps + 1), count),
                    "date": np.tile(panel.dates[at + 1 : at + 1 + steps], count),
                    "actual": actual.ravel(), "forecast": forecasts[:, :steps].ravel(),
                    "error": (actual - forecasts[:, :steps]).ravel(),
                    "scale": np.repeat(np.where(scale > 0, scale, np.nan), steps),
                })
            )  # fmt: skip
    rows = pd.concat(found, ignore_index=True)
    return rows[rows["actual"].notna()].reset_index(drop=True)[list(ERROR_COLUMNS)]


def choose_method(errors: pd.DataFrame, groups: Mapping | None = None) -> pd.DataFrame:
    """The method with the least absolute error per series, or per group of series pooled.

    errors: as ``rolling_origin`` returns, with the baseline ``seasonal_naive`` among the methods.
    groups: series_id -> group; without it each series chooses for itself.
    Of the methods within 1% of the best the simplest is chosen, the first in ``METHODS``.
    Returns one row per series (``CHOICE_COLUMNS``): mae in the value's unit, wape = sum |error| / sum |actual| (NaN
    where nothing was sold), of the group's winner and of the baseline. Raises ValueError without the baseline.
    """
    require_columns(errors, ERROR_COLUMNS, "the errors")
    if errors.empty:
        return pd.DataFrame({name: [] for name in CHOICE_COLUMNS})
    if BASELINE not in set(errors["method"]):
        raise ValueError(f"the errors lack the baseline {BASELINE}")
    group = errors["series_id"] if groups is None else errors["series_id"].map(groups)
    if group.isna().any():
        raise ValueError("groups lack some series")
    sums = (
        errors.assign(group=group.array, absolute=errors["error"].abs(), total=errors["actual"].abs(), rows=1)
        .groupby(["group", "method"], sort=True)[["absolute", "total", "rows"]]
        .sum()
    )
    mae = (sums["absolute"] / sums["rows"]).unstack()
    mae = mae[[name for name in METHODS if name in mae.columns]]
    wape = (sums["absolute"] / sums["total"].where(sums["total"] > 0)).unstack()
    as_good = mae.le(mae.min(axis=1) * (1 + TIE), axis=0)
    winner = as_good.idxmax(axis=1)
    best = pd.DataFrame({
        "method": winner,
        "mae": [mae.at[name, method] for name, method in winner.items()],
        "wape": [wape.at[name, method] for name, method in winner.items()],
        "baseline_mae": mae[BASELINE], "baseline_wape": wape[BASELINE],
    })  # fmt: skip
    members = pd.DataFrame({"series_id": errors["series_id"].array, "group": group.array}).drop_duplicates()
    chosen = members.merge(best, left_on="group", right_index=True).sort_values("series_id", ignore_index=True)
    return chosen[list(CHOICE_COLUMNS)]


def chosen_errors(errors: pd.DataFrame, choice: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``errors`` by the method that ``choice`` names for their series."""
    return errors.merge(choice[["series_id", "method"]], on=["series_id", "method"], how="inner")


# Intervals -----------------------------------------------------------------------------------------


def _widths(forecasts: pd.Series, mean_error: pd.Series, mean_forecast: pd.Series) -> np.ndarray:
    """The unit of an error: the series' mean error, smaller on weak days and larger on strong ones.

    It grows with the forecast to the power of 2/3: the noise of counts grows with the square root, that of proportions
    in proportion. Below a tenth of the mean forecast it shrinks no further.
    """
    relative = np.where(mean_forecast > 0, forecasts / np.where(mean_forecast > 0, mean_forecast, 1), 1)
    return mean_error.to_numpy() * np.maximum(relative, 0.1) ** (2 / 3)


def add_intervals(forecasts: pd.DataFrame, errors: pd.DataFrame, level: float = 0.9) -> pd.DataFrame:
    """Forecasts with the interval that holds a share ``level`` of the days, if days to come are like those before.

    forecasts: series_id, method, step, forecast. errors: of earlier origins by the same methods (``rolling_origin``).
    For each method and step the quantiles of the errors at the seven steps around it (the first or last seven), in all
    series, in units of the series' mean error; a series that had no earlier origin has the others' relative error.
    Returns the forecasts with low and high, both 0 or more, in their unit; NaN where the method has no
    earlier error or has not forecast so far ahead.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level!r}")
    low, high = np.full(len(forecasts), np.nan), np.full(len(forecasts), np.nan)
    for method, rows in forecasts.reset_index(drop=True).groupby("method"):
        past = errors[errors["method"] == method]
        if past.empty:
            continue
        size = past.assign(absolute=past["error"].abs()).groupby("series_id")[["absolute", "forecast"]].mean()
        total = size.sum()
        relative_error = total["absolute"] / total["forecast"] if total["forecast"] > 0 else 0.0
        own = rows.groupby("series_id")["forecast"].mean().to_frame()
        own["absolute"] = relative_error * own["forecast"]
        size = size.combine_first(own)

        def widths(part: pd.DataFrame, size: pd.DataFrame = size) -> np.ndarray:
            return _widths(
                part["forecast"], part["series_id"].map(size["absolute"]), part["series_id"].map(size["forecast"])
            )

        unit = widths(past)
        scores = np.where(unit > 0, past["error"] / np.where(unit > 0, unit, 1), 0.0)
        steps, new_units = past["step"].to_numpy(), widths(rows)
        for step, place in rows.groupby("step").groups.items():
            if step > steps.max():
                continue
            # At either end as many steps as in the middle.
            first = 1 + NEIGHBOURING_STEPS
            centre = np.clip(step, first, max(steps.max() - NEIGHBOURING_STEPS, first))
            near = np.sort(scores[np.abs(steps - centre) <= NEIGHBOURING_STEPS])
            # The k-th smallest of n earlier errors is exceeded by a new one with chance 1 - k / (n + 1).
            upper = min(int(np.ceil((len(near) + 1) * (1 + level) / 2)), len(near))
            place = place.to_numpy()
            wide = new_units[rows.index.get_indexer(place)]
            middle = rows.loc[place, "forecast"].to_numpy()
            low[place] = np.clip(middle + near[len(near) - upper] * wide, 0, middle)
            high[place] = np.maximum(middle + near[upper - 1] * wide, middle)
    return forecasts.assign(low=low, high=high)


def interval_backtest(errors: pd.DataFrame, level: float = 0.9, min_origins: int = 3) -> pd.DataFrame:
    """The errors with the low and high that would have been given then, for origins after the first ``min_origins``.

    The intervals of an origin come from errors that were known at it: those of days up to it.
    """
    require_columns(errors, ERROR_COLUMNS, "the errors")
    origins = np.sort(errors["origin"].unique())
    later = [
        add_intervals(errors[errors["origin"] == origin], errors[errors["date"] <= origin], level)
        for origin in origins[min_origins:]
    ]
    return pd.concat(later, ignore_index=True) if later else errors.iloc[:0].assign(low=np.nan, high=np.nan)


def forecast(
    frame: pd.DataFrame,
    horizon_days: int,
    method: str | Mapping = "auto",
    level: float = 0.9,
    *,
    missing: str = "zero",
    events: pd.DataFrame | None = None,
    errors: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Forecasts of the days after the newest day of the frame.

    frame, missing, events: as in ``rolling_origin``. method: one of ``METHODS``; or series_id -> method; or 'auto',
    which chooses per series by ``choose_method``. errors: of ``rolling_origin`` with this horizon, if they are at hand.
    Returns one row per series and day (``FORECAST_COLUMNS``), by series_id and date: forecast, low and high (0 or more,
    in the unit of the value; the interval is NaN where there is too little history to have made errors) and the method
    used, which is a naive one for series with less than 56 known days: ``seasonal_naive``, with less than 14
    ``mean_28``, and 'none' with a forecast of NaN for a series without a known day.
    Raises ValueError for unusable input and for a series without a method.
    """
    asked = METHODS if method == "auto" else [method] if isinstance(method, str) else sorted(set(method.values()))
    _check(horizon_days, asked)
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level!r}")
    panel = make_panel(frame, missing)
    if panel.ids.empty:
        return pd.DataFrame({name: [] for name in FORECAST_COLUMNS})
    if errors is None:
        errors = rolling_origin(frame, horizon_days, ORIGINS, asked, missing=missing, events=events)
    if method == "auto":
        winners = dict(choose_method(errors)[["series_id", "method"]].itertuples(index=False))
        wanted = {name: winners.get(name, "exponential_smoothing") for name in panel.ids}
    else:
        wanted = dict.fromkeys(panel.ids, method) if isinstance(method, str) else dict(method)
    without = [name for name in panel.ids if name not in wanted]
    if without:
        raise ValueError(f"no method for series {without[0]!r}")

    block = make_block(panel, len(panel.dates) - 1, horizon_days, events)
    begun = set(block.rows)
    made = make_forecasts([block], sorted(set(wanted.values())), horizon_days)
    parts = []
    for at, name in enumerate(panel.ids):
        rows = pd.DataFrame({"series_id": name, "step": np.arange(1, horizon_days + 1), "method": wanted[name]})
        if at in begun:
            values, used = made[wanted[name]][0]
            place = int(np.searchsorted(block.rows, at))
            parts.append(rows.assign(forecast=values[place], used=used[place]))
        else:
            parts.append(rows.assign(forecast=np.nan, used="none"))
    result = add_intervals(pd.concat(parts, ignore_index=True), errors, level)
    result["date"] = panel.dates[-1] + pd.to_timedelta(result["step"], unit="D")
    return result.drop(columns="method").rename(columns={"used": "method"})[list(FORECAST_COLUMNS)]


# Metrics -------------------------------------------------------------------------------------------


def _ratios(errors: pd.DataFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Each metric as the (n,) numerators and denominators whose sums it is the ratio of."""
    absolute, one = errors["error"].abs().to_numpy(), np.ones(len(errors))
    scaled = absolute / errors["scale"].to_numpy()
    actual = errors["actual"]
    spread = (actual - actual.groupby(errors["series_id"]).transform("mean")).to_numpy() ** 2
    found = {
        "wape": (absolute, actual.abs().to_numpy()),
        "mae": (absolute, one),
        "mase": (np.nan_to_num(scaled), np.isfinite(scaled).astype(float)),
        "r2": (spread - errors["error"].to_numpy() ** 2, spread),
    }
    if "low" in errors.columns:
        given = errors["low"].notna().to_numpy()
        inside = actual.between(errors["low"], errors["high"]).to_numpy()
        found["coverage"] = ((inside & given).astype(float), given.astype(float))
    return found


def metrics(errors: pd.DataFrame, baseline: pd.DataFrame | None = None, segment: str = "") -> list[Metric]:
    """WAPE, MAE, MASE, R², coverage (of rows with intervals) and skill (against the baseline), pooled over all rows.

    errors: rows of one method, or of the chosen ones (``chosen_errors``). baseline: the rows of the naive method for
    the same series, origins and steps. wape: sum |error| / sum |actual|; mae in the unit of the value; mase: mean of
    |error| / scale; r2: against the mean of each series over these rows; coverage: share within low and high; skill:
    1 - sum |error| / sum |error of the baseline|, above 0 where the baseline is beaten.
    The 95% intervals are bootstrapped over origins, for the errors of one origin go together; over series where there
    is one origin; None where there is one of both. A metric without a value (no rows, nothing sold) is left out.
    """
    require_columns(errors, ERROR_COLUMNS, "the errors")
    if errors.empty:
        return []
    by = "origin" if errors["origin"].nunique() > 1 else "series_id"
    clusters, _ = pd.factorize(errors[by])
    count = clusters.max() + 1
    draws = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=BOOTSTRAPS)
    naive = {} if baseline is None or baseline.empty else _ratios(baseline)
    ratios = _ratios(errors)
    if naive and baseline is not None:
        keys = ["series_id", "origin", "step"]
        theirs = (
            errors[keys].merge(baseline[[*keys, "error"]], on=keys, how="left", validate="one_to_one")["error"].abs()
        )
        both = theirs.notna().to_numpy()
        theirs = theirs.fillna(0).to_numpy()
        ratios["skill"] = (np.where(both, theirs - errors["error"].abs().to_numpy(), 0), theirs)
    found = []
    for name, (above, below) in ratios.items():
        if not below.sum() > 0:
            continue
        low = high = None
        if count > 1:
            tops, bottoms = (np.bincount(clusters, part, count) for part in (above, below))
            totals = draws @ bottoms
            low, high = np.quantile((draws @ tops)[totals > 0] / totals[totals > 0], [0.025, 0.975]).tolist()
        against = None
        if name in naive and naive[name][1].sum() > 0:
            against = float(naive[name][0].sum() / naive[name][1].sum())
        found.append(Metric(name, float(above.sum() / below.sum()), low, high, against, len(errors), segment))
    return found
