"""Forecasts: by hand, against planted seasons, against naive methods on real sales; and never from the future."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from precision_marketing.models import forecasting
from precision_marketing.models.forecast_methods import (
    BASELINE,
    BOUNDS,
    METHODS,
    NAIVE,
    _event_days,
    _event_factors,
    _fit_smoothing,
    _smooth,
    _Start,
    _start,
    _weights,
    _yearly_wave,
    make_panel,
)
from precision_marketing.models.forecasting import (
    add_intervals,
    choose_method,
    chosen_errors,
    forecast,
    interval_backtest,
    metrics,
    rolling_origin,
)

# What docs/demo_data.md plants.
WEEKDAYS = np.array([0.85, 0.85, 0.90, 0.95, 1.10, 1.25, 1.10])
SALES_DAYS = {"06-18": 2.0, "11-11": 2.5, "12-12": 1.5}
EVENTS = pd.DataFrame({"event": list(SALES_DAYS), "day": list(SALES_DAYS)})
LEARNERS = [name for name in METHODS if name not in NAIVE]


def daily(values, series_id: str = "a", start: str = "2024-01-01") -> pd.DataFrame:
    """One series; 2024-01-01 is a Monday."""
    dates = pd.date_range(start, periods=len(values), freq="D")
    return pd.DataFrame({"series_id": series_id, "date": dates, "value": np.asarray(values, dtype=float)})


def season(dates: pd.DatetimeIndex) -> np.ndarray:
    wave = 1 + 0.25 * np.cos(2 * np.pi * (dates.dayofyear.to_numpy() - 345) / 365.25)
    sales_days = np.array([SALES_DAYS.get(day, 1.0) for day in dates.strftime("%m-%d")])
    return WEEKDAYS[dates.dayofweek] * wave * sales_days


def simulated(months: int, end: str, groups: int = 6) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Counts per group and day with the planted season around a drifting level, and their expectation."""
    rng = np.random.default_rng(7)
    last = pd.Timestamp(end)
    dates = pd.date_range(last - pd.DateOffset(months=months) + pd.Timedelta(days=1), last, freq="D")
    frames = []
    for group, size in enumerate(np.geomspace(8, 100, groups)):
        expected = size * season(dates) * np.exp(np.cumsum(rng.normal(0, 0.01, len(dates))))
        frame = daily(rng.poisson(rng.gamma(20, expected / 20)), f"group {group}", dates[0])
        frames.append(frame.assign(expected=expected))
    rows = pd.concat(frames, ignore_index=True)
    return rows[["series_id", "date", "value"]], rows


def wape(errors: pd.DataFrame) -> pd.Series:
    sums = errors.assign(error=errors["error"].abs(), actual=errors["actual"].abs()).groupby("method")
    return sums["error"].sum() / sums["actual"].sum()


@pytest.fixture(scope="module")
def planted() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Three years of simulated sales: the frame, its errors over 8 x 28 days with each sales day, the expectation."""
    frame, truth = simulated(36, "2025-12-31", groups=5)
    return frame, rolling_origin(frame, 28, 8, events=EVENTS), truth


# Input ---------------------------------------------------------------------------------------------


def test_panel_fills_gaps_as_declared() -> None:
    rows = [("b", "2024-01-03", 5.0), ("a", "2024-01-04", 4.0), ("a", "2024-01-01", 1.0), ("a", "2024-01-02", None)]
    frame = pd.DataFrame(rows, columns=["series_id", "date", "value"])
    panel = make_panel(frame)
    assert list(panel.ids) == ["a", "b"] and len(panel.dates) == 4
    # A row with NaN stays unknown; before its first row a series is unknown; after its last one it sells nothing.
    np.testing.assert_array_equal(panel.values, [[1, np.nan, 0, 4], [np.nan, np.nan, 5, 0]])
    unknown = make_panel(frame, missing="nan").values
    np.testing.assert_array_equal(unknown, [[1, np.nan, np.nan, 4], [np.nan, np.nan, 5, np.nan]])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (daily([1, 2]).drop(columns="value"), "columns of the frame of daily values are absent: value"),
        (pd.concat([daily([1, 2]), daily([3])]), "series 'a' has two values on 2024-01-01"),
        (daily([1, 2]).assign(date="2024-13-01"), "cannot be read"),
        (daily([1, 2]).assign(date=[pd.Timestamp("2024-01-01 08:00"), None]), "without a time"),
        (daily([1, np.inf]), "infinite"),
        (daily([1, 2]).assign(value="many"), "cannot be read"),
        (daily([1, 2]).assign(series_id=["a", None]), "series_id is missing"),
    ],
)
def test_unusable_frames_are_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        forecast(frame, 7, BASELINE)


def test_unusable_settings_are_refused() -> None:
    frame = daily(np.arange(100))
    for call, message in (
        (lambda: forecast(frame, 0), "horizon"),
        (lambda: forecast(frame, 7, "oracle"), "unknown methods: oracle"),
        (lambda: forecast(frame, 7, BASELINE, level=1), "level"),
        (lambda: forecast(frame, 7, {"b": BASELINE}), "no method for series 'a'"),
        (lambda: forecast(frame, 7, missing="none"), "missing must be"),
        (lambda: rolling_origin(frame, 7, ["2030-01-01"]), "origins must be days of the frame"),
        (lambda: rolling_origin(frame, 7, 0), "at least 1"),
        (lambda: forecast(frame, 7, events=pd.DataFrame({"event": ["x"], "day": ["June"]})), "MM-DD"),
        (lambda: choose_method(rolling_origin(frame, 7, 2, ["mean_28"])), "baseline seasonal_naive"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# Methods -------------------------------------------------------------------------------------------


def test_naive_methods_by_hand() -> None:
    frame = daily(np.arange(35))  # 0 ... 34
    made = {name: forecast(frame, 9, name)["forecast"].tolist() for name in NAIVE}
    assert made[BASELINE] == [28, 29, 30, 31, 32, 33, 34, 28, 29]
    assert made["mean_28"] == [20.5] * 9  # the mean of 7 ... 34
    assert made["weekday_mean"] == [17.5, 18.5, 19.5, 20.5, 21.5, 22.5, 23.5, 17.5, 18.5]  # 7, 14, 21, 28; ...


def test_seasonal_naive_skips_unknown_days() -> None:
    values = np.arange(28.0)
    values[22] = np.nan
    assert forecast(daily(values), 3, BASELINE)["forecast"].tolist() == [21, 15, 23]


def test_smoothing_is_the_textbook_recursion() -> None:
    """The runs side by side give what the equations give one series, one trial and one day at a time."""
    rng = np.random.default_rng(0)
    z = rng.normal(1, 0.3, (60, 2))
    z[10, 1] = np.nan
    start = _Start(np.array([1.0, 0.5]), rng.normal(0, 0.1, (7, 2)), np.array([np.inf, 0.4]))
    weights = rng.uniform(0.05, 0.3, (4, 2, 3))
    loss, fitted, ahead = _smooth(z, start, weights, horizon=9)
    for series in range(2):
        for trial in range(3):
            alpha, beta, gamma, phi = weights[:, series, trial]
            level, trend, seasons, total = start.level[series], 0.0, start.season[:, series].copy(), 0.0
            for day in range(60):
                predicted = level + phi * trend + seasons[day % 7]
                if trial == 0:
                    assert fitted[day, series] == pytest.approx(predicted, abs=1e-12)
                error = 0.0 if np.isnan(z[day, series]) else z[day, series] - predicted
                bound = start.bound[series]
                total += error**2 if abs(error) <= bound else bound * (2 * abs(error) - bound)
                error = np.clip(error, -bound, bound)
                level, trend = level + phi * trend + alpha * error, phi * trend + beta * error
                seasons[day % 7] += gamma * error
            assert loss[series, trial] == pytest.approx(total / (60 - series), abs=1e-12)
            if trial == 0:
                sums = np.cumsum(phi ** np.arange(1, 10))
                expected = level + sums * trend + seasons[(60 + np.arange(9)) % 7]
                np.testing.assert_allclose(ahead[:, series], expected, atol=1e-12)


def test_search_finds_the_optimum_of_scipy() -> None:
    """The loss of the compass search is that of L-BFGS from two starts, within half a percent, for each series."""
    rng = np.random.default_rng(1)
    z = np.cumsum(rng.normal(0, 0.1, (200, 4)), axis=0) + rng.normal(0, 0.3, (200, 4)) + 5
    start = _start(z.T)
    found = _smooth(z, start, _fit_smoothing(z, start))[0][:, 0]
    for series in range(4):
        own = _Start(*(part[..., [series]] for part in start))

        def loss(x: np.ndarray, own=own, series=series) -> float:
            return _smooth(z[:, [series]], own, _weights(x.reshape(4, 1, 1)))[0].item()

        starts = ([0.1, 0.05, 0.05, 0.95], [0.4, 0.01, 0.1, 0.9])
        best = min(minimize(loss, x, bounds=BOUNDS, method="L-BFGS-B").fun for x in starts)
        assert found[series] <= best * 1.005


def test_smoothing_of_a_series_does_not_depend_on_the_others() -> None:
    frame, _ = simulated(8, "2025-06-30", groups=4)
    together = forecast(frame, 7, "exponential_smoothing").set_index("series_id")["forecast"]
    alone = forecast(frame[frame["series_id"] == "group 1"], 7, "exponential_smoothing")["forecast"]
    np.testing.assert_allclose(together["group 1"], alone, rtol=1e-9)


@pytest.mark.parametrize("method", LEARNERS)
def test_a_series_without_noise_is_continued(method: str) -> None:
    """A week that repeats itself, and one whose season multiplies a growing level."""
    days = np.arange(200)
    steady = 100 * WEEKDAYS[days % 7]
    growing = 100 * np.exp(0.004 * days) * WEEKDAYS[days % 7]
    frame = pd.concat([daily(steady, "steady"), daily(growing, "growing")])
    made = forecast(frame, 14, method).set_index("series_id")["forecast"]
    ahead = np.arange(200, 214)
    np.testing.assert_allclose(made["steady"], 100 * WEEKDAYS[ahead % 7], rtol=0.03)
    np.testing.assert_allclose(made["growing"], 100 * np.exp(0.004 * ahead) * WEEKDAYS[ahead % 7], rtol=0.08)


def test_one_bulk_order_does_not_move_the_level() -> None:
    values = 100 + np.random.default_rng(0).normal(0, 5, 150)
    values[-3] = 5_000
    for method in LEARNERS:
        assert forecast(daily(values), 7, method)["forecast"].between(90, 110).all()
    assert forecast(daily(values), 7, "weekday_mean")["forecast"].max() > 1_000  # the naive one does move


def test_sales_days_are_learned(planted) -> None:
    """The factors planted, from all series; and the days around a sales day do not inherit it."""
    frame, _, _ = planted
    panel = make_panel(frame)
    days = _event_days(EVENTS, panel.dates)
    factors = _event_factors(panel.values, days)
    for day, factor in SALES_DAYS.items():
        assert factors[panel.dates.strftime("%m-%d") == day] == pytest.approx(factor, rel=0.15)
    assert set(factors[days < 0]) == {1.0}

    until = frame[frame["date"] <= "2025-11-10"]
    made = {
        known: forecast(until, 8, "exponential_smoothing", events=EVENTS if known else None) for known in (True, False)
    }
    on_day = {known: rows.groupby("date")["forecast"].sum() for known, rows in made.items()}
    assert on_day[True]["2025-11-11"] == pytest.approx(2.5 * on_day[False]["2025-11-11"], rel=0.15)
    assert on_day[True]["2025-11-18"] == pytest.approx(on_day[False]["2025-11-18"], rel=0.02)


def test_a_holiday_on_which_everything_is_closed() -> None:
    frame = daily(np.full(800, 50.0))
    frame.loc[frame["date"].dt.strftime("%m-%d") == "12-25", "value"] = 0
    until = frame[frame["date"] <= "2025-12-20"]
    closed = pd.DataFrame({"event": ["Christmas", "fair"], "day": ["12-25", "2025-12-24"]})
    made = forecast(until, 7, "exponential_smoothing", events=closed).set_index("date")["forecast"]
    assert made["2025-12-25"] == 0
    # A fair that has not been seen yet is an ordinary day.
    np.testing.assert_allclose(made.drop(pd.Timestamp("2025-12-25")), 50, rtol=1e-3)


@pytest.mark.parametrize("method", LEARNERS)
def test_a_closed_weekday_stays_closed(method: str) -> None:
    values = np.random.default_rng(0).gamma(20, 5, 210)
    values[5::7] = 0  # Saturdays
    made = forecast(daily(values), 14, method)
    assert (made["forecast"][made["date"].dt.dayofweek == 5] == 0).all()
    assert (made["forecast"][made["date"].dt.dayofweek != 5] > 60).all()


def test_yearly_wave_is_found_and_helps(planted) -> None:
    frame, errors, truth = planted
    panel = make_panel(frame)
    wave = _yearly_wave(panel.values, panel.dates)
    expected = np.log(1 + 0.25 * np.cos(2 * np.pi * (panel.dates.dayofyear - 345) / 365.25))
    for found in np.log(wave):
        assert np.corrcoef(found, expected)[0, 1] > 0.8
    found = wape(errors)
    assert found["yearly_smoothing"] < found["exponential_smoothing"]


# Never from the future -----------------------------------------------------------------------------


def test_nothing_after_the_origin_is_looked_at() -> None:
    """The forecasts of an origin are those of a frame that ends there, whatever comes later."""
    frame, _ = simulated(27, "2025-11-30", groups=2)
    origins = [pd.Timestamp("2025-09-30"), pd.Timestamp("2025-11-10")]
    changed = frame.copy()
    later = changed["date"] > origins[0]
    changed.loc[later, "value"] = changed.loc[later, "value"] * 7 + 100
    keys = ["series_id", "method", "date"]
    found = [rolling_origin(rows, 28, origins, events=EVENTS) for rows in (frame, changed)]
    made, other = (errors[errors["origin"] == origins[0]].set_index(keys)["forecast"] for errors in found)
    assert len(made) == 2 * len(METHODS) * 28
    pd.testing.assert_series_equal(made, other)
    for method in ("yearly_smoothing", "gradient_boosting"):
        alone = forecast(frame[frame["date"] <= origins[0]], 28, method, events=EVENTS, errors=found[0])
        np.testing.assert_allclose(made.xs(method, level="method"), alone["forecast"], rtol=1e-6)


def test_order_of_rows_does_not_matter() -> None:
    frame, _ = simulated(8, "2025-06-30", groups=3)
    shuffled = frame.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(forecast(frame, 7), forecast(shuffled, 7))


# Planted truth and real data -----------------------------------------------------------------------


def test_planted_seasons_beat_every_naive_method(planted) -> None:
    """Each learner beats each naive method, and the best comes close to knowing the expectation."""
    _, errors, truth = planted
    found = wape(errors)
    assert found[LEARNERS].max() < 0.95 * found[list(NAIVE)].min()
    own = metrics(errors[errors["method"] == "combination"], errors[errors["method"] == BASELINE])
    skill = {metric.metric: metric for metric in own}["skill"]
    assert skill.value > 0.18 and skill.ci_low > 0.12
    known = errors[errors["method"] == BASELINE].merge(truth, on=["series_id", "date"])
    oracle = (known["actual"] - known["expected"]).abs().sum() / known["actual"].sum()
    assert oracle < found["combination"] < 1.12 * oracle


def test_demo_sized_history_beats_every_naive_method() -> None:
    """Eighteen months as in the demo; the method is chosen on the earlier origins and judged on the later ones."""
    frame, _ = simulated(18, "2025-06-30")
    errors = rolling_origin(frame, 28, 9, events=EVENTS)
    middle = errors["origin"].drop_duplicates().sort_values().iloc[4]
    choice = choose_method(errors[errors["date"] <= middle], groups=dict.fromkeys(frame["series_id"], "shop"))
    later = errors[errors["origin"] >= middle]
    ours, naive = chosen_errors(later, choice), wape(later[later["method"].isin(NAIVE)])
    assert set(choice["method"]) <= set(LEARNERS)
    assert ours["error"].abs().sum() / ours["actual"].sum() < 0.95 * naive.min()


def test_online_retail_beats_every_naive_method(shared_data: Path) -> None:
    """Daily revenue of UCI Online Retail, all of it and by the eight largest product groups, 28 days ahead."""
    lines = pd.read_csv(
        shared_data / "online_retail" / "online_retail.csv.gz",
        usecols=["StockCode", "Quantity", "InvoiceDate", "UnitPrice"], encoding_errors="replace",
    )  # fmt: skip
    lines["date"] = pd.to_datetime(lines["InvoiceDate"]).dt.normalize()
    lines["value"] = lines["Quantity"] * lines["UnitPrice"]
    lines["series_id"] = lines["StockCode"].astype(str).str[:3]
    first_half = lines[(lines["date"] < "2011-06-01") & lines["series_id"].str.isdigit()]
    groups = lines[lines["series_id"].isin(first_half.groupby("series_id")["value"].sum().nlargest(8).index)]
    for rows, least_skill in ((lines.assign(series_id="all"), 0.1), (groups, 0.1)):
        frame = rows.groupby(["series_id", "date"], as_index=False)["value"].sum()
        errors = rolling_origin(frame, 28, 7)
        found = wape(errors)
        for method in ("exponential_smoothing", "combination"):
            assert found[method] < found[list(NAIVE)].min()
            own = metrics(errors[errors["method"] == method], errors[errors["method"] == BASELINE])
            skill = {metric.metric: metric for metric in own}["skill"]
            assert skill.value > least_skill and skill.ci_low > 0
        covered = interval_backtest(errors[errors["method"] == "combination"], 0.9)
        assert 0.84 <= covered["actual"].between(covered["low"], covered["high"]).mean() <= 0.97


# Choice --------------------------------------------------------------------------------------------


def errors_of(misses: dict[tuple[str, str], list[float]], actual: float = 10.0) -> pd.DataFrame:
    """Errors by (series, method), one per step and a day apart."""
    origin = pd.Timestamp("2024-01-01")
    rows = [
        (series, method, method, origin, step, origin + pd.Timedelta(days=step), actual, actual - miss, miss, 2.0)
        for (series, method), values in misses.items()
        for step, miss in enumerate(values, start=1)
    ]
    return pd.DataFrame(rows, columns=list(forecasting.ERROR_COLUMNS))


def test_choice_by_hand() -> None:
    errors = errors_of({
        ("a", BASELINE): [4, -4], ("a", "exponential_smoothing"): [1, -1], ("a", "combination"): [0.995, -0.995],
        ("b", BASELINE): [1, -1], ("b", "exponential_smoothing"): [1.5, 2], ("b", "combination"): [2, 2],
    })  # fmt: skip
    choice = choose_method(errors).set_index("series_id")
    # Within 1% of the best the simpler method wins.
    assert choice["method"].to_dict() == {"a": "exponential_smoothing", "b": BASELINE}
    assert choice.loc["a", ["mae", "wape", "baseline_mae", "baseline_wape"]].tolist() == [1, 0.1, 4, 0.4]
    pooled = choose_method(errors, groups={"a": "g", "b": "g"})
    assert pooled["method"].tolist() == ["exponential_smoothing"] * 2  # (1 + 1 + 1.5 + 2) / 4 against 2.5
    assert pooled["mae"].tolist() == [1.375] * 2 and pooled["baseline_mae"].tolist() == [2.5] * 2
    assert (
        chosen_errors(errors, choose_method(errors))["method"].tolist()
        == ["exponential_smoothing"] * 2 + [BASELINE] * 2
    )
    with pytest.raises(ValueError, match="groups lack"):
        choose_method(errors, groups={"a": "g"})


def test_forecast_uses_the_method_chosen() -> None:
    """A constant series needs nothing more than a naive method; a noisy season does."""
    rng = np.random.default_rng(3)
    values = rng.poisson(200 * WEEKDAYS[np.arange(300) % 7])
    frame = pd.concat([daily(np.full(300, 5.0), "constant"), daily(values, "seasonal")])
    made = forecast(frame, 14).groupby("series_id")["method"].unique()
    assert made["constant"].tolist() == ["mean_28"] and made["seasonal"][0] != BASELINE
    named = forecast(frame, 14, {"constant": "weekday_mean", "seasonal": "exponential_smoothing"})
    assert named.groupby("series_id")["method"].first().tolist() == ["weekday_mean", "exponential_smoothing"]


# Intervals -----------------------------------------------------------------------------------------


def test_interval_by_hand() -> None:
    """19 errors -9 ... 9, at 0.9: the smallest and the largest but none, ranks 1 and 19 of 19."""
    misses = np.arange(-9, 10.0)
    past = pd.concat([errors_of({("a", BASELINE): [miss]}, actual=100 + miss) for miss in misses])
    new = pd.DataFrame(
        {"series_id": ["a", "a", "b"], "method": BASELINE, "step": [1, 9, 1], "forecast": [100.0, 100, 25]}
    )
    found = add_intervals(new, past, 0.9)
    assert found.loc[0, ["low", "high"]].tolist() == pytest.approx([91, 109])
    assert found.loc[1, ["low", "high"]].isna().all()  # nothing was forecast so far ahead
    # Without errors of its own a series has the relative errors of the others.
    assert found.loc[2, ["low", "high"]].tolist() == pytest.approx([22.75, 27.25])
    half = add_intervals(new[:1], past, 0.5)  # rank 15 of 19
    assert half[["low", "high"]].to_numpy()[0] == pytest.approx([95, 105])


def test_intervals_cover_later_origins(planted) -> None:
    _, errors, _ = planted
    for level in (0.8, 0.9):
        for method, rows in interval_backtest(errors, level).groupby("method"):
            covered = rows["actual"].between(rows["low"], rows["high"]).mean()
            assert covered == pytest.approx(level, abs=0.06), method


def test_intervals_come_from_the_past_only() -> None:
    frame, _ = simulated(12, "2025-06-30", groups=2)
    errors = rolling_origin(frame, 14, 6, [BASELINE])
    origins = np.sort(errors["origin"].unique())
    changed = errors.copy()
    later = changed["date"] > origins[4]
    changed.loc[later, ["actual", "error"]] += 1_000
    found = [interval_backtest(rows) for rows in (errors, changed)]
    made, other = (rows.loc[rows["origin"] <= origins[4], ["low", "high"]] for rows in found)
    assert len(made) == 2 * 2 * 14
    pd.testing.assert_frame_equal(made, other)


def test_forecasts_and_intervals_are_not_negative() -> None:
    rng = np.random.default_rng(0)
    values = rng.poisson(0.4, 300) - (rng.uniform(size=300) < 0.1) * 2.0  # few sales, some returns
    errors = rolling_origin(daily(values), 14)
    for method in METHODS:
        made = forecast(daily(values), 14, method, errors=errors)
        assert (made["low"] >= 0).all() and (made["low"] <= made["forecast"]).all()
        assert (made["forecast"] <= made["high"]).all() and made["high"].gt(0).any()


# Metrics -------------------------------------------------------------------------------------------


def test_metrics_by_hand() -> None:
    ours = errors_of({("a", "combination"): [1, -1], ("b", "combination"): [2, 0]})
    ours["actual"] = [5.0, 15, 8, 12]
    ours["low"], ours["high"] = [0.0, 0, 9, np.nan], [6.0, 16, 10, np.nan]
    naive = errors_of({("a", BASELINE): [4, -4], ("b", BASELINE): [2, 0]})
    found = {metric.metric: metric for metric in metrics(ours, naive, segment="all")}
    assert found["wape"].value == pytest.approx(4 / 40) and found["wape"].baseline == pytest.approx(10 / 40)
    assert found["mae"].value == 1 and found["mae"].baseline == 2.5
    assert found["mase"].value == 0.5 and found["mase"].baseline == 1.25
    assert found["r2"].value == pytest.approx(1 - (1 + 1 + 4) / (25 + 25 + 4 + 4))
    assert found["coverage"].value == pytest.approx(2 / 3) and found["coverage"].baseline is None
    assert found["skill"].value == pytest.approx(0.6) and found["skill"].rows == 4
    # One origin, so the interval is over the two series: of wape, from 2 / 20 to 2 / 20.
    assert (found["wape"].ci_low, found["wape"].ci_high) == pytest.approx((0.1, 0.1))
    assert (found["skill"].ci_low, found["skill"].ci_high) == pytest.approx((0, 0.75))
    assert {metric.segment for metric in found.values()} == {"all"}


def test_metrics_without_rows_or_sales() -> None:
    assert metrics(errors_of({})) == []
    nothing_sold = errors_of({("a", BASELINE): [0, 0]}, actual=0.0)
    assert [metric.metric for metric in metrics(nothing_sold)] == ["mae", "mase"]
    assert metrics(nothing_sold)[0].ci_low is None  # one origin, one series


# Edges ---------------------------------------------------------------------------------------------


def test_empty_frame() -> None:
    empty = daily([])
    assert list(forecast(empty, 7).columns) == list(forecasting.FORECAST_COLUMNS) and forecast(empty, 7).empty
    errors = rolling_origin(empty, 7)
    assert errors.empty and list(errors.columns) == list(forecasting.ERROR_COLUMNS)
    assert choose_method(errors).empty and interval_backtest(errors).empty


def test_one_day() -> None:
    made = forecast(daily([12.0]), 3)
    assert made["forecast"].tolist() == [12.0] * 3 and set(made["method"]) == {"mean_28"}
    assert made[["low", "high"]].isna().all(axis=None)  # nothing was ever forecast
    assert made["date"].tolist() == list(pd.date_range("2024-01-02", periods=3))


def test_short_histories_say_which_method_stands_in() -> None:
    frame = pd.concat([
        daily(np.arange(300), "long"), daily(np.full(40, 3.0), "short", "2024-09-17"),
        daily(np.full(5, 2.0), "new", "2024-10-22"), daily([np.nan] * 300, "unknown"),
    ])  # fmt: skip
    for method in LEARNERS:
        made = forecast(frame, 7, method).groupby("series_id")
        used = made["method"].first().to_dict()
        learned = "exponential_smoothing" if method == "yearly_smoothing" else method
        assert used == {"long": learned, "short": BASELINE, "new": "mean_28", "unknown": "none"}
        assert made["forecast"].first()[["new", "short"]].tolist() == [2.0, 3.0]
        assert made["forecast"].count()["unknown"] == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_constant_series(method: str, value: float) -> None:
    made = forecast(daily(np.full(200, value)), 10, method)
    for column in ("forecast", "low", "high"):
        np.testing.assert_allclose(made[column], value, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_gaps_of_unknown_days(method: str) -> None:
    """A third of the days unknown, two months in a row among them."""
    rng = np.random.default_rng(0)
    frame = daily(rng.normal(100, 5, 400))
    kept = frame[(rng.uniform(size=400) > 0.33) & ~frame["date"].between("2024-06-01", "2024-07-31")]
    made = forecast(kept, 14, method, missing="nan")
    assert made["forecast"].between(85, 115).all()
