"""What the warehouse hands to the models of lifetime value: gifts and refunds spoil nobody's value, and are named;
seasons are published where held-out days bear them out."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import harness
from precision_marketing.models.lifetime_value import BetaGeoNBD, GammaGamma, ShrunkenMean, fit_summary
from precision_marketing.models.training import Metric, Training
from precision_marketing.warehouse.lifetime_value import NO_VALUE, SCORE_SCHEMA, Scorer, _best, learn, summary

spec = importlib.util.spec_from_file_location("benchmark_lifetime", harness.ROOT / "benchmarks" / "lifetime.py")
benchmark = importlib.util.module_from_spec(spec)
spec.loader.exec_module(benchmark)


def purchases(averages: np.ndarray) -> pd.DataFrame:
    """Rows of `int_customer_purchases`: these averages of one to six repeat purchases; every tenth bought once."""
    rng = np.random.default_rng(0)
    n = len(averages)
    age = rng.integers(100, 500, n).astype(float)
    once = np.arange(n) % 10 == 0
    return pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in range(n)],
            "frequency": np.where(once, 0.0, rng.integers(1, 7, n)),
            "recency_days": np.where(once, 0.0, np.floor(age * rng.uniform(0.2, 0.9, n))),
            "age_days": age,
            "average_repeat_amount": np.where(once, np.nan, averages),
        }
    )


def scored(rows: pd.DataFrame) -> pd.DataFrame:
    models = fit_summary(summary(rows))
    assert isinstance(models.bgnbd, BetaGeoNBD)
    kind = "gamma-gamma" if isinstance(models.gammagamma, GammaGamma) else "shrunken mean"
    state = {"bgnbd": models.bgnbd.to_dict(), kind: models.gammagamma.to_dict(), "method": f"bg/nbd and {kind}"}
    found = Scorer(state, 0.1)(rows)
    assert list(found) == [column.split()[0] for column in SCORE_SCHEMA.split(", ")]
    return found


@pytest.mark.parametrize("nothing", [0.0, -250.0])
def test_who_brings_nothing_is_left_out_and_named(nothing: float) -> None:
    rng = np.random.default_rng(2)
    rows = purchases(rng.gamma(4, 25, 400))
    none = purchases(np.full(40, nothing)).assign(customer_id=lambda frame: "n" + frame["customer_id"])
    alone, together = fit_summary(summary(rows)), fit_summary(summary(pd.concat([rows, none], ignore_index=True)))
    assert isinstance(alone.gammagamma, GammaGamma) and isinstance(together.bgnbd, BetaGeoNBD)
    assert together.gammagamma.to_dict() == alone.gammagamma.to_dict()
    assert together.bgnbd.customers_ == 440
    found = scored(pd.concat([rows, none], ignore_index=True))
    named = found["value_reason"].notna()
    assert set(found["value_reason"][named]) == {NO_VALUE}
    assert named.sum() == 36 and found["customer_id"][named].str.startswith("n").all()  # four of them bought once
    assert found[["probability_alive", "expected_purchases_90d", "expected_order_value", "clv_12m"]].notna().all().all()
    assert found["expected_order_value"][named].max() < found["expected_order_value"][~named].median()


def test_values_too_unequal_say_so_and_purchases_are_foreseen_anyway() -> None:
    rows = purchases(10 ** np.random.default_rng(3).uniform(-1, 5, 400))
    assert isinstance(fit_summary(summary(rows)).gammagamma, ShrunkenMean)
    found = scored(rows)
    assert found["value_reason"].str.contains("so unequal that their mean is infinite").all()
    assert found["probability_alive"].between(0, 1).all() and (found["expected_purchases_90d"] > 0).any()


def test_all_of_no_value_are_worth_nothing() -> None:
    found = scored(purchases(np.full(100, -1.0)))
    assert (found["clv_12m"] == 0).all() and found["value_reason"].notna().all()


# Which method stands ---------------------------------------------------------------------------------


def shop(kind: str, as_of: pd.Timestamp = benchmark.SHOP_AS_OF) -> list[pd.DataFrame]:
    """Customers and days of a simulated shop."""
    return benchmark.warehouse_rows(benchmark.simulate_shop(kind, np.random.default_rng(3), 2_000), as_of, 90)


def parameters(training: Training) -> dict[str, dict]:
    return {candidate.algorithm.partition(" and ")[0]: candidate.parameters for candidate in training.candidates}


def test_a_season_is_published_where_the_autumn_held_out_bears_it_out() -> None:
    purchases = benchmark.simulate_shop("season", np.random.default_rng(3), 2_000)
    rows, days = benchmark.warehouse_rows(purchases, benchmark.SHOP_AS_OF, 90)
    days = days.assign(purchase_date=days["purchase_date"].dt.date)  # as Spark hands them over
    training = learn(rows.assign(as_of_date=rows["as_of_date"].dt.date), days, 90)
    assert list(parameters(training)) == ["mean rate", "bg/nbd", "seasonal bg/nbd"]
    champion = training.candidates[-1]
    assert training.champion == champion.algorithm
    figures = {metric.metric: metric for metric in champion.metrics}
    assert {"rmse_reduction_mean_rate", "rmse_reduction_run_rate", "rmse_reduction_bgnbd"} <= set(figures)
    assert figures["rmse_reduction_bgnbd"].ci_low > 0
    plain = {metric.metric: metric for metric in training.candidates[1].metrics}
    assert "rmse_reduction_bgnbd" not in plain
    assert figures["rmse_reduction_bgnbd"].baseline == pytest.approx(plain["rmse"].value)
    assert figures["rmse"].value < plain["rmse"].value
    assert champion.parameters["note"].startswith("Purchases by season: ") and "December" in champion.parameters["note"]

    by_season, as_ever = (
        Scorer(candidate.model, 0.1)(rows.assign(as_of_date=rows["as_of_date"].dt.date))
        for candidate in training.candidates[:0:-1]
    )
    assert by_season["method"].unique().tolist() == [training.champion]
    # After Christmas purchases are few, and the next one comes within the year.
    for name, days_ahead, made in (("expected_purchases_90d", 90, "purchases"), ("clv_12m", 365, "value")):
        customers = pd.Index(rows["customer_id"])
        actual = benchmark.later_purchases(purchases, benchmark.SHOP_AS_OF, days_ahead, customers)[made].sum()
        miss, missed = (abs(scored[name].sum() / actual - 1) for scored in (by_season, as_ever))
        assert missed > 0.2 and miss < missed / 2, name
    assert by_season["probability_alive"].between(0, 1).all()
    summer = Scorer(champion.model, 0.1)(rows.assign(as_of_date=pd.Timestamp("2024-06-01").date()))
    assert not np.allclose(summer["expected_purchases_90d"], by_season["expected_purchases_90d"])


def test_without_a_season_there_is_none_and_the_reason_is_given() -> None:
    training = learn(*shop("none"), 90)
    assert list(parameters(training)) == ["mean rate", "bg/nbd"]
    assert training.champion.startswith("bg/nbd")
    note = "No season is foreseen: up to 2023-10-02, the months of a year differ by no more than chance."
    assert {found["note"] for found in parameters(training).values()} == {note}


def test_a_short_history_has_no_season_whatever_it_looks_like() -> None:
    training = learn(*shop("season", pd.Timestamp("2021-12-31")), 90)
    assert list(parameters(training)) == ["mean rate", "bg/nbd"]
    note = parameters(training)["bg/nbd"]["note"]
    assert note == "No season is foreseen: up to 2021-10-02, 9 months of orders are too few, 13 are needed."


def gain(name: str, value: float) -> Metric:
    return Metric(f"rmse_reduction_{name}", value, value - 0.04, value + 0.04)


@pytest.mark.parametrize(
    "plain, seasonal, best",
    [
        ({"mean_rate": 0.1}, {"mean_rate": 0.2, "bgnbd": 0.1}, "seasonal bg/nbd"),
        ({"mean_rate": 0.1}, {"mean_rate": 0.11, "bgnbd": 0.01}, "bg/nbd"),
        ({"mean_rate": -0.1}, {"mean_rate": 0.1, "bgnbd": 0.2}, "seasonal bg/nbd"),
        ({"mean_rate": -0.1}, {"mean_rate": -0.05, "bgnbd": 0.05}, "mean rate"),
        ({"mean_rate": 0.01}, {"mean_rate": 0.015, "bgnbd": 0.1}, "mean rate"),
        ({}, {}, "mean rate"),
    ],
)
def test_the_simpler_method_stands_unless_the_next_is_surely_ahead_of_it(
    plain: dict[str, float], seasonal: dict[str, float], best: str
) -> None:
    figures = {"bg/nbd": plain, "seasonal bg/nbd": seasonal}
    metrics = {name: [gain(other, value) for other, value in found.items()] for name, found in figures.items()}
    assert _best(metrics) == best


def test_online_retail_is_too_short_for_seasons(shared_data: Path) -> None:
    sales = benchmark.read_online_retail(shared_data)
    training = learn(*benchmark.warehouse_rows(sales, sales["purchase_date"].max(), 90), 90)
    assert list(parameters(training)) == ["mean rate", "bg/nbd"]
    assert "9 months of orders are too few, 13 are needed" in parameters(training)["mean rate"]["note"]
