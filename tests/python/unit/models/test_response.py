"""Response curves: planted ones found with honest intervals, doubt where there is too little, pieces for budgets."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from decision_parts.budget import Plant, best_split, coverage, decide_by_curves, simulate_weeks
from precision_marketing.models.budget import allocate
from precision_marketing.models.response import (
    IDENTIFIED,
    UNDECIDED,
    Curve,
    carried_over,
    concave_pieces,
    fit_response,
    response_table,
)


def curve_of(shape: str, *estimate: float) -> Curve:
    """A curve that is known exactly: ceiling, half_spend, exponent; 100 and 400 of weekly spend were seen."""
    known = np.array([*estimate, *[np.nan] * (3 - len(estimate)), 0.0])
    return Curve("a", shape, IDENTIFIED, "", 100, 100.0, 400.0, 0.0, known, known[None])


def test_carry_over_by_hand() -> None:
    spend = np.array([8.0, 0, 4, 4, 4, 4, 4, 4])
    expected, before = [], spend.mean()
    for amount in spend:
        before = 0.75 * amount + 0.25 * before
        expected.append(before)
    assert carried_over(spend, 0.25) == pytest.approx(expected)
    assert carried_over(spend, 0.0) == pytest.approx(spend)
    assert carried_over(np.full(50, 7.0), 0.9) == pytest.approx(7), "a constant spend settles at itself"


def test_shapes_by_hand() -> None:
    spend = np.array([0.0, 50, 100, 1e9])
    assert curve_of("exponential", 10, 50).value(spend) == pytest.approx([0, 5, 7.5, 10])
    assert curve_of("hill", 10, 50, 2).value(spend) == pytest.approx([0, 5, 8, 10])
    assert curve_of("line", 10).value(spend[:3]) == pytest.approx([0, 500, 1000])
    assert curve_of("line", 10).marginal_return(70) == pytest.approx(10)
    assert curve_of("hill", 10, 50, 1).marginal_return(50) == pytest.approx(10 / 4 / 50, rel=1e-3)


@pytest.mark.parametrize("plant", [Plant(), Plant("hill")], ids=["exponential", "hill"])
def test_planted_curves_lie_in_their_intervals(plant: Plant) -> None:
    """A small part of benchmarks/decisions.py: of 5 simulations of 95% intervals, hardly ever do 3 miss."""
    found = coverage(plant, 520, 0.8, 5)
    assert found["identified"] == 1
    assert set(found["covered"]) == set(plant.truth(1_000))
    assert min(found["covered"].values()) >= 3 / 5


def test_more_weeks_say_more() -> None:
    few, many = (fit_response(simulate_weeks(Plant(), weeks, 0.8, 1))["a"] for weeks in (104, 1_040))
    few, many = (response_table({"a": curve}).iloc[0] for curve in (few, many))
    for name in ("carry_over", "marginal_return", "half_spend", "ceiling"):
        assert 0 < many[f"{name}_high"] - many[f"{name}_low"] < 0.8 * (few[f"{name}_high"] - few[f"{name}_low"])


def test_two_years_without_enough_variation_cannot_tell() -> None:
    steady = [fit_response(simulate_weeks(Plant(), 104, 0.1, seed))["a"] for seed in range(4)]
    straight = [fit_response(simulate_weeks(Plant("line", 3.0), 104, 0.6, seed))["a"] for seed in range(4)]
    for curves in (steady, straight):
        doubtful = [curve for curve in curves if curve.verdict == UNDECIDED]
        assert len(doubtful) >= 3
        for curve in doubtful:
            assert curve.shape == "line" and curve.reason.startswith("a straight line fits as well (p = ")
            assert curve.p_value > 0.05 and np.isnan(response_table({"a": curve})["ceiling"][0])
    slopes = response_table({str(place): curve for place, curve in enumerate(straight) if curve.shape == "line"})
    assert (slopes["marginal_return_low"] < 3).mean() > 0.6 and (slopes["marginal_return_high"] > 3).mean() > 0.6


def test_plans_by_curves_come_near_the_best() -> None:
    earned = np.array([decide_by_curves(156, seed) for seed in range(1)])
    assert (earned[:, 0] > 0.97 * best_split()).all()
    assert (earned[:, 0] > earned[:, 1]).all(), "better than by mean revenue per unit of money"


def test_a_week_without_a_row_has_no_spend_and_an_unknown_revenue() -> None:
    weeks = simulate_weeks(Plant(), 160, 0.8, 5)
    paused = weeks["week"].between(60, 79)
    silent = weeks.assign(spend=weeks["spend"].where(~paused, 0.0), revenue=weeks["revenue"].where(~paused))
    left_out = response_table(fit_response(weeks[~paused]))
    pd.testing.assert_frame_equal(left_out, response_table(fit_response(silent)))
    assert left_out["weeks"][0] == 140


def test_order_names_and_dates_do_not_matter() -> None:
    weeks = simulate_weeks(Plant(), 110, 0.8, 6)
    plain = response_table(fit_response(weeks))
    dated = weeks.assign(week=[dt.date(2024, 1, 1) + dt.timedelta(weeks=int(week)) for week in weeks["week"]])
    pd.testing.assert_frame_equal(plain, response_table(fit_response(dated.sample(frac=1, random_state=1))))
    dear = weeks.assign(spend=weeks["spend"] * 100, channel="b")  # another currency
    both = response_table(fit_response(pd.concat([dear, weeks])))
    assert both["channel"].tolist() == ["a", "b"]
    pd.testing.assert_frame_equal(both.iloc[[0]], plain)
    dear = both.iloc[[1]].reset_index(drop=True)
    assert dear["half_spend"][0] == pytest.approx(100 * plain["half_spend"][0], rel=0.01)
    assert dear["marginal_return"][0] == pytest.approx(plain["marginal_return"][0] / 100, rel=0.01)


def few(weeks: int, **columns: object) -> pd.DataFrame:
    return simulate_weeks(Plant(), 104, 0.8, 7).head(weeks).assign(**columns)


@pytest.mark.parametrize(
    ("weeks", "reason"),
    [
        (few(5), "revenue is known in only 5 weeks"),
        (few(1), "revenue is known in only 1 weeks"),
        (few(20), "revenue is known in only 20 weeks"),
        (few(104, spend=70.0), "spending never varied"),
        (few(104, spend=0.0), "spending never varied"),
        (few(104, revenue=np.nan), "revenue is known in only 0 weeks"),
        (few(104).iloc[::2], "too few weeks in a row have revenue"),
        (few(104, revenue=0.0), "a straight line fits as well"),
    ],
)
def test_too_little_is_no_error_and_identifies_nothing(weeks: pd.DataFrame, reason: str) -> None:
    table = response_table(fit_response(weeks))
    assert table["verdict"].tolist() == [UNDECIDED] and table["reason"][0].startswith(reason)
    assert table["shape"].tolist() == ["line"] and np.isnan(table["half_spend"][0])


def test_nobody_and_wrong_input() -> None:
    weeks = few(30)
    assert fit_response(weeks.iloc[:0]) == {}
    empty = response_table({})
    assert empty.empty and list(empty) == list(response_table(fit_response(weeks)))
    for column, value, message in (
        ("spend", -1.0, "spend is missing, infinite, negative"),
        ("spend", np.nan, "spend is missing"),
        ("spend", "much", "spend is missing, infinite, negative or not a number"),
        ("revenue", np.inf, "revenue is infinite"),
        ("revenue", "much", "revenue is infinite or not a number"),
        ("channel", None, "week or channel is missing"),
        ("week", 3.5, "week is not a whole number of weeks"),
        ("week", 4, "a week of a channel comes twice"),
    ):
        wrong = weeks.astype(object)
        wrong.loc[2, column] = value
        with pytest.raises(ValueError, match=message):
            fit_response(wrong.astype({"week": float}) if column == "week" else wrong)
    with pytest.raises(ValueError, match="columns of weeks are absent: revenue"):
        fit_response(weeks.drop(columns="revenue"))


def test_falling_and_convex_returns_are_not_called_saturation() -> None:
    falling = fit_response(simulate_weeks(Plant(ceiling=-6_000), 300, 0.8, 8))["a"]
    assert (falling.verdict, falling.reason) == (UNDECIDED, "revenue falls where spending rises")
    assert falling.marginal_return(1_000) < 0
    convex = fit_response(simulate_weeks(Plant("hill", ceiling=900_000, half_spend=20_000), 300, 0.6, 9))["a"]
    assert (convex.verdict, convex.reason) == (UNDECIDED, "returns still rise at the largest spend seen")


@pytest.mark.parametrize(
    "shape", [("exponential", 900.0, 80.0), ("hill", 900.0, 120.0, 3.0), ("hill", 900.0, 120.0, 0.7)]
)
@pytest.mark.parametrize("count", [1, 3, 8])
def test_pieces_fall_and_follow_the_concave_envelope(shape: tuple, count: int) -> None:
    curve = curve_of(*shape)
    pieces = concave_pieces(curve, 500, count)
    assert 1 <= len(pieces) <= count and pieces["upper"].sum() == pytest.approx(500)
    assert (pieces["return_per_unit"].diff().dropna() < 0).all() and (pieces["unit_cost"] == 1).all()
    ends = np.append(0, pieces["upper"].cumsum())
    earned = np.append(0, (pieces["upper"] * pieces["return_per_unit"]).cumsum())
    assert earned == pytest.approx(curve.value(ends), rel=1e-6, abs=1e-6), "the ends lie on the curve"
    spend = np.linspace(0, 500, 101)
    envelope = [max(curve.value(np.array([at]))[0], _chords(curve, at)) for at in spend]
    assert (np.interp(spend, ends, earned) <= np.array(envelope) + 1).all()
    if count == 8:
        assert np.abs(np.interp(spend, ends, earned) - envelope).max() < 0.03 * 900
    assert pieces["is_extrapolated"].iloc[-1], "only 400 was seen"
    assert pieces["is_envelope"].iloc[0] == (shape[-1] == 3)
    plan = allocate(pieces, 150).allocation
    assert plan["expected_return"][0] == pytest.approx(np.interp(150, ends, earned))


def _chords(curve: Curve, at: float) -> float:
    """The highest chord of a curve above a place."""
    left, right = np.linspace(0, at, 30)[:, None], np.linspace(at, 500, 300)[None]
    share = np.divide(at - left, right - left, out=np.zeros((30, 300)), where=right > left)
    return float(((1 - share) * curve.value(left.ravel())[:, None] + share * curve.value(right.ravel())[None]).max())


def test_pieces_carry_the_interval_into_the_plan() -> None:
    weeks = pd.concat(simulate_weeks(Plant(), 156, 0.8, seed, name) for seed, name in ((1, "a"), (2, "b")))
    curves = fit_response(weeks)
    pieces = pd.concat(concave_pieces(curve, 2_500) for curve in curves.values())
    assert (pieces["return_low"] <= pieces["return_per_unit"]).all()
    assert (pieces["return_per_unit"] <= pieces["return_high"]).all()
    assert (pieces["return_high"] - pieces["return_low"] > 0).all()
    plan = allocate(pieces, 2_000, protection=1)
    assert plan.summary["plan"].tolist() == ["nominal", "robust"] and plan.summary["worst_case_gain"][1] >= 0


def test_pieces_of_a_line_and_wrong_settings() -> None:
    line = concave_pieces(curve_of("line", 3.0), 200, 5)
    assert len(line) == 1 and line["return_per_unit"][0] == pytest.approx(3) and line["upper"][0] == 200
    assert not line["is_extrapolated"][0] and not line["is_envelope"][0]
    for upper, pieces, message in (
        (0, 5, "upper must be positive"),
        (np.inf, 5, "upper must"),
        (9, 0, "pieces must be 1"),
    ):
        with pytest.raises(ValueError, match=message):
            concave_pieces(curve_of("line", 3.0), upper, pieces)
    with pytest.raises(ValueError, match="a has no curve: spending never varied"):
        concave_pieces(fit_response(few(104, spend=7.0))["a"], 100)
