"""Seasons of purchases: planted ones are found and foretell; a trend, chance or a short history makes none."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pytest

import harness
from precision_marketing.models import seasons
from precision_marketing.models.lifetime_value import BetaGeoNBD, lifetime_value
from precision_marketing.models.seasons import NoSeason, SeasonalBetaGeoNBD, SeasonalTime, fit_seasonal

spec = importlib.util.spec_from_file_location("benchmark_lifetime", harness.ROOT / "benchmarks" / "lifetime.py")
benchmark = importlib.util.module_from_spec(spec)
spec.loader.exec_module(benchmark)

PLANTED = np.array([0.7, 0.7, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.9, 1.0, 1.7, 2.2])
DAILY = benchmark.in_days(benchmark.PUBLISHED)
COLUMNS = ["frequency", "recency_days", "age_days"]


def as_of(purchases: pd.DataFrame, day: str) -> tuple[pd.DataFrame, pd.DataFrame, BetaGeoNBD]:
    """Customers, days and plain BG/NBD of what is known at the end of a day; the days know the future, too."""
    customers, _ = benchmark.warehouse_rows(purchases, pd.Timestamp(day), 90)
    _, days = benchmark.warehouse_rows(purchases, benchmark.SHOP_UNTIL, 90)
    return customers, days, BetaGeoNBD().fit(*(customers[name] for name in COLUMNS))


@pytest.fixture(scope="module")
def shop() -> pd.DataFrame:
    return benchmark.simulate_shop("season", np.random.default_rng(5))


# Seasonal time ---------------------------------------------------------------------------------------


def test_a_day_lasts_as_long_as_its_months_factor() -> None:
    time = SeasonalTime(PLANTED)
    day = np.array(["2023-02-27", "2023-02-28", "2023-03-01", "2024-02-28", "2024-02-29"], dtype="datetime64[D]")
    lasted = np.diff(time.at_end_of(np.column_stack([day - 1, day]).astype(float)), axis=1).ravel()
    assert lasted == pytest.approx(time.factors[[1, 1, 2, 1, 1]])
    assert time.factors / time.factors[0] == pytest.approx(PLANTED / PLANTED[0])


def test_a_year_is_a_year_whatever_the_season() -> None:
    ends = np.array(["2000-12-31", "2004-12-31", "2008-12-31"], dtype="datetime64[D]").astype(float)
    assert np.diff(SeasonalTime(PLANTED).at_end_of(ends)) == pytest.approx([1461, 1461])


@pytest.mark.parametrize("factors", [[1.0] * 11, [1.0] * 11 + [0.0], [1.0] * 11 + [np.nan]])
def test_a_season_has_twelve_positive_factors(factors: list[float]) -> None:
    with pytest.raises(ValueError, match="twelve positive factors"):
        SeasonalTime(factors)


def test_without_seasons_it_is_bgnbd() -> None:
    seasonal = SeasonalBetaGeoNBD(DAILY, SeasonalTime([1] * 12), np.datetime64("2023-08-15"))
    rows = [np.array([0, 2, 5]), np.array([0, 30, 200]), np.array([100, 90, 300])]
    assert seasonal.expected_purchases(90, *rows) == pytest.approx(DAILY.expected_purchases(90, *rows))
    assert seasonal.probability_alive(*rows) == pytest.approx(DAILY.probability_alive(*rows))


def test_the_coming_season_counts_not_the_mean() -> None:
    """30 days of November and 61 to the end of December, in the time that passes in them."""
    time = SeasonalTime(PLANTED)
    seasonal = SeasonalBetaGeoNBD(DAILY, time, np.datetime64("2023-10-31"))
    rows = [np.array([3.0]), np.array([200.0]), np.array([365.0])]
    first, last, now = (
        time.at_end_of(float(np.datetime64(day, "D").astype(int))) for day in ("2022-10-31", "2023-05-19", "2023-10-31")
    )
    in_time = [np.array([3.0]), np.array([last - first]), np.array([now - first])]
    for days, passes in ((30, 30 * time.factors[10]), (61, 30 * time.factors[10] + 31 * time.factors[11])):
        assert seasonal.expected_purchases(days, *rows) == pytest.approx(DAILY.expected_purchases(passes, *in_time))
    assert seasonal.probability_alive(*rows) == pytest.approx(DAILY.probability_alive(*in_time))


def test_the_value_of_a_year_is_discounted_by_when_its_purchases_come() -> None:
    """From November on most of a year comes at once, from January on it comes last."""
    customer = pd.DataFrame([(40, 350, 365, 10.0)], columns=[*COLUMNS, "average_order_value"])
    value = benchmark.GammaGamma.from_dict(benchmark.PUBLISHED_VALUE)
    steady = BetaGeoNBD.from_dict({"r": 1.0, "alpha": 10.0, "a": 1e-3, "b": 10.0})
    worth = {}
    for day in ("2022-10-31", "2022-12-31"):
        seasonal = SeasonalBetaGeoNBD(steady, SeasonalTime(PLANTED), np.datetime64(day))
        full, discounted = (lifetime_value(seasonal, value, customer, annual_discount_rate=r)[0] for r in (0, 0.5))
        worth[day] = discounted / full
    plain = [lifetime_value(steady, value, customer, annual_discount_rate=r)[0] for r in (0, 0.5)]
    assert worth["2022-10-31"] > plain[1] / plain[0] + 0.01 > worth["2022-12-31"] + 0.02


# What is learned -------------------------------------------------------------------------------------


def test_a_planted_season_is_found_and_foretells_the_autumn(shop: pd.DataFrame) -> None:
    customers, days, plain = as_of(shop, "2023-09-30")
    seasonal = fit_seasonal(customers, days, np.datetime64("2023-09-30"), plain)
    dates = pd.date_range("2021-01-01", "2022-12-31")
    planted = pd.Series(benchmark.pace("season", dates, np.random.default_rng(0))).groupby(dates.month).mean()
    assert seasonal.time.factors == pytest.approx(planted / planted.mean(), rel=0.25)
    later = benchmark.later_purchases(shop, pd.Timestamp("2023-09-30"), 92, customers["customer_id"])["purchases"]
    rows = [customers[name] for name in COLUMNS]
    with_, without = seasonal.expected_purchases(92, *rows), plain.expected_purchases(92, *rows)
    missed, miss = (abs(forecast.sum() / later.sum() - 1) for forecast in (without, with_))
    assert missed > 0.3 and miss < missed / 2
    errors = [np.sqrt(np.mean((forecast - later) ** 2)) for forecast in (with_, without)]
    assert errors[0] < 0.99 * errors[1]
    # The season is in the clock, not in the customers: they are those that were planted.
    own = seasonal.bgnbd
    assert [own.r, own.alpha] == pytest.approx([DAILY.r, DAILY.alpha], rel=0.25)


def test_nothing_after_the_day_is_known(shop: pd.DataFrame) -> None:
    customers, days, plain = as_of(shop, "2023-09-30")
    until = np.datetime64("2023-09-30")
    known = days[days["purchase_date"] <= pd.Timestamp(until)]
    found, again = (fit_seasonal(customers, part, until, plain) for part in (days, known))
    assert len(known) < len(days) and found.time.factors.tolist() == again.time.factors.tolist()


def test_the_days_may_be_of_more_customers_than_the_sample(shop: pd.DataFrame) -> None:
    customers, days, plain = as_of(shop, "2023-09-30")
    until = np.datetime64("2023-09-30")
    many = days.assign(new_customers=days["new_customers"] * 3, repeat_purchases=days["repeat_purchases"] * 3)
    found, tripled = (fit_seasonal(customers, part, until, plain).time.factors for part in (days, many))
    assert tripled == pytest.approx(found, rel=0.05)


@pytest.mark.parametrize("kind", ["none", "trend"])
def test_chance_and_a_trend_are_no_season(kind: str) -> None:
    purchases = benchmark.simulate_shop(kind, np.random.default_rng(0))
    customers, days, plain = as_of(purchases, "2023-09-30")
    with pytest.raises(NoSeason, match="no more than chance"):
        fit_seasonal(customers, days, np.datetime64("2023-09-30"), plain)


@pytest.mark.parametrize(
    "first, months, enough",
    [("2022-09-01", 13, True), ("2022-09-02", 12, False), ("2022-08-15", 13, True), ("2023-06-30", 3, False)],
)
def test_a_year_and_a_month_are_needed(shop: pd.DataFrame, first: str, months: int, enough: bool) -> None:
    newer = shop[shop.groupby("customer_id")["purchase_date"].transform("min") >= pd.Timestamp(first)]
    one = pd.DataFrame({"customer_id": [-1], "purchase_date": [pd.Timestamp(first)], "value": [1.0]})
    customers, days, plain = as_of(pd.concat([newer, one]), "2023-09-30")
    try:
        fit_seasonal(customers, days, np.datetime64("2023-09-30"), plain)
        reason = ""
    except NoSeason as error:
        reason = str(error)
    assert ("too few" in reason) is not enough, reason
    assert enough or reason.startswith(f"{months} months of orders")


def test_few_purchases_are_drawn_to_the_mean() -> None:
    """The same shares of each month, of a hundred times fewer purchases: nearer to 1, and of still fewer none."""
    months, expected = np.arange(600, 636), np.full(36, 1000.0)
    made = expected * np.tile(PLANTED / PLANTED.mean(), 3)
    many, few = (seasons._index(months, made * share, expected) for share in (1, 0.02))
    assert many == pytest.approx(PLANTED / PLANTED.mean(), rel=0.01)
    assert (np.abs(few - 1) <= np.abs(many - 1) + 1e-9).all() and few.max() < many.max() - 0.05
    with pytest.raises(NoSeason):
        seasons._index(months, made * 0.001, expected)


def test_what_differs_between_years_is_no_season() -> None:
    """One good December of three: as large a share of all purchases as a small season, but not of each year."""
    months, expected = np.arange(600, 636), np.full(36, 1000.0)
    each, once = expected.copy(), expected.copy()
    each[months % 12 == 11] *= 1.2
    once[-1] *= 1.6
    assert seasons._index(months, each, expected)[11] > 1.15
    with pytest.raises(NoSeason):
        seasons._index(months, once, expected)


def test_absent_columns_are_named(shop: pd.DataFrame) -> None:
    customers, days, plain = as_of(shop, "2023-09-30")
    with pytest.raises(ValueError, match="repeat_purchases"):
        fit_seasonal(customers, days.drop(columns="repeat_purchases"), np.datetime64("2023-09-30"), plain)
    with pytest.raises(ValueError, match="age_days"):
        fit_seasonal(customers.drop(columns="age_days"), days, np.datetime64("2023-09-30"), plain)
