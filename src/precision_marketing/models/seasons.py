"""Seasons of purchases: BG/NBD in a time that runs faster in December.

In BG/NBD a customer buys at his own rate while he is alive, and may leave after a purchase only. So a season that all
share, which multiplies every rate by s(t), changes nothing but the clock: in *seasonal time*, the integral of s, it is
BG/NBD as ever. Recency, age and horizon are measured in it instead of days.

s is an index by month of the year, 1 on average over a year. It is the repeat purchases seen in the month, over those
that BG/NBD expects of all who had come by then, each counted from his first purchase: shops grow and customers leave,
and neither is a season. What is expected depends on the clock, so estimates take turns; two are enough.

What is chance is taken out. Months of a year scatter by more than counting (sales, weather, a few large customers);
where two years are seen, the scatter of one month between years says how much more. If the twelve months then differ by
no more than chance, there is no season. Else each is drawn towards 1, the more the fewer purchases were seen.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from precision_marketing.models.inputs import require_columns
from precision_marketing.models.lifetime_value import SUMMARY_COLUMNS, BetaGeoNBD

SUMMARY = SUMMARY_COLUMNS[:3]
LEAST_MONTHS = 13
"""From a shorter history no season is estimated: a year, and a month of it again."""
LEAST_REPEATED_MONTHS = 12
"""So many months must be seen again before the scatter between years is known; until then it is that of counts."""
SIGNIFICANCE = 0.01
TURNS = 2
GRID = 300
FIRST_MONTH = np.datetime64("1900-01", "M")
MONTH_DAYS = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


class NoSeason(ValueError):
    """There is no season that could be told from chance; the message says why."""


def _days(dates: ArrayLike) -> np.ndarray:
    """Dates as days since 1970-01-01, floats."""
    return np.asarray(dates, dtype="datetime64[D]").astype(float)


class SeasonalTime:
    """The clock that runs by an index per month of the year."""

    def __init__(self, factors: ArrayLike) -> None:
        """factors: (12,) positive, January first; brought to a mean of 1 over the days of a year.

        Raises ValueError for other ones.
        """
        index = np.asarray(factors, dtype=float)
        if index.shape != (12,) or not (np.isfinite(index).all() and (index > 0).all()):
            raise ValueError("a season has twelve positive factors")
        self.factors = index / (index @ MONTH_DAYS / MONTH_DAYS.sum())

    def at_end_of(self, days: ArrayLike) -> np.ndarray:
        """Seasonal time at the end of days, given as days since 1970-01-01, any shape; parts of days count."""
        ends = np.asarray(days, dtype=float) + 1
        last = np.datetime64(int(np.max(ends, initial=0)), "D").astype("datetime64[M]")
        months = np.arange(FIRST_MONTH, last + 2)
        edges = _days(months)
        passed = np.append(0, np.cumsum(np.diff(edges) * self.factors[months[:-1].astype(int) % 12]))
        return np.interp(ends, edges, passed)

    def rows(self, as_of: float, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> list[np.ndarray]:
        """Frequency, and recency and age (n,) in seasonal time, of customers at the end of the day ``as_of``."""
        x, recency, age = (np.asarray(values, dtype=float) for values in (frequency, recency, age))
        begin = self.at_end_of(as_of - age)
        return [x, self.at_end_of(as_of - age + recency) - begin, self.at_end_of(as_of) - begin]


class SeasonalBetaGeoNBD:
    """BG/NBD in seasonal time, asked and answering in days, as of one day."""

    def __init__(self, bgnbd: BetaGeoNBD, time: SeasonalTime, as_of: ArrayLike) -> None:
        """bgnbd: its parameters in seasonal time; as_of: the day at whose end recency and age were taken."""
        self.bgnbd, self.time, self.as_of = bgnbd, time, float(_days(as_of))

    def _horizons(self, days: ArrayLike) -> np.ndarray:
        return self.time.at_end_of(self.as_of + np.asarray(days, dtype=float)) - self.time.at_end_of(self.as_of)

    def probability_alive(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> np.ndarray:
        """As ``BetaGeoNBD.probability_alive``."""
        return self.bgnbd.probability_alive(*self.time.rows(self.as_of, frequency, recency, age))

    def expected_purchases(
        self, horizon: float, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> np.ndarray:
        """As ``BetaGeoNBD.expected_purchases``: of the ``horizon`` days after the as-of day, with their season."""
        return self.bgnbd.expected_purchases(
            float(self._horizons(horizon)), *self.time.rows(self.as_of, frequency, recency, age)
        )

    def _combined_purchases(
        self, x: np.ndarray, recency: np.ndarray, age: np.ndarray, horizons: np.ndarray, factors: np.ndarray
    ) -> np.ndarray:
        x, recency, age = self.time.rows(self.as_of, x, recency, age)
        return self.bgnbd._combined_purchases(x, recency, age, self._horizons(horizons), factors)


def _cells(days: pd.DataFrame, until: np.datetime64) -> tuple[np.ndarray, np.ndarray]:
    """Months from the first purchase to ``until``, and their edges: ends of days, one more than months."""
    first = days["purchase_date"].to_numpy().min()
    months = np.arange(first.astype("datetime64[M]"), until.astype("datetime64[M]") + 1)
    edges = np.append(_days(months) - 1, float(_days(until)))
    edges[0] = _days(first) - 1
    return months.astype(int), edges


def _expected(bgnbd: BetaGeoNBD, time: SeasonalTime, newcomers: pd.DataFrame, edges: np.ndarray) -> np.ndarray:
    """(months,) repeat purchases that ``bgnbd`` expects of all newcomers between the edges, knowing when they came."""
    came = time.at_end_of(_days(newcomers["purchase_date"]))
    ages = np.maximum(time.at_end_of(edges)[:, None] - came, 0)
    # Expectations are smooth and bend most in the beginning.
    grid = np.linspace(0, 1, GRID) ** 2 * ages.max()
    curve = np.asarray(bgnbd.expected_new_customer_purchases(grid))
    expected: np.ndarray = np.diff(np.interp(ages, grid, curve) @ newcomers["new_customers"].to_numpy(float))
    return expected


def _index(months: np.ndarray, made: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """(12,) index of the months of the year, drawn towards 1; raises NoSeason where they differ by chance only.

    months: (n,) since 1970; made and expected: (n,) repeat purchases, the latter as if no month had a season.
    """
    month = months % 12
    expected = expected * made.sum() / expected.sum()
    total, mean = np.bincount(month, made, minlength=12), np.bincount(month, expected, minlength=12)
    ratio = np.divide(total, mean, out=np.ones(12), where=mean > 0)
    # How many times the variance of counts the months have, of one year and of another.
    repeated = len(months) - 12
    foreseen = ratio[month] * expected
    chance, limit = 1.0, stats.chi2.isf(SIGNIFICANCE, 11) / 11
    if repeated >= LEAST_REPEATED_MONTHS:
        scatter = np.divide((made - foreseen) ** 2, foreseen, out=np.zeros(len(months)), where=foreseen > 0)
        chance = max(1.0, scatter.sum() / repeated)
        limit = stats.f.isf(SIGNIFICANCE, 11, repeated)
    spread = mean @ (ratio - 1) ** 2
    if spread / 11 / chance < limit:
        raise NoSeason("the months of a year differ by no more than chance")
    # Gamma distributed factors of mean 1 and this variance, of which counts were seen.
    variance = (spread - 11 * chance) / mean.sum()
    weight = mean / chance * variance
    return (ratio * weight + 1) / (weight + 1)


def fit_seasonal(
    frame: pd.DataFrame, days: pd.DataFrame, until: np.datetime64, bgnbd: BetaGeoNBD
) -> SeasonalBetaGeoNBD:
    """Season and BG/NBD in its time, learned from what is known at the end of the day ``until``.

    frame: n customers with frequency, recency_days and age_days as of that day, all or a sample. days: purchase_date
    (datetime64), new_customers and repeat_purchases of all customers, a row per day; later days are left out.
    bgnbd: BG/NBD fitted to the frame, in days. Raises NoSeason where none is to be told from chance, ValueError for
    absent columns and values no customer can have, RuntimeError where the likelihood has no maximum to be found.
    """
    require_columns(frame, SUMMARY)
    require_columns(days, ("purchase_date", "new_customers", "repeat_purchases"))
    until = until.astype("datetime64[D]")
    dates = days["purchase_date"].to_numpy().astype("datetime64[D]")
    days = days.assign(purchase_date=dates)[dates <= until]
    history = 0 if days.empty else _whole_months(dates.min(), until)
    if history < LEAST_MONTHS:
        raise NoSeason(f"{history} months of orders are too few, {LEAST_MONTHS} are needed")
    months, edges = _cells(days, until)
    dates = days["purchase_date"].to_numpy()
    made = np.bincount(dates.astype("datetime64[M]").astype(int) - months[0], days["repeat_purchases"], len(months))
    newcomers = days[days["new_customers"] > 0]
    rows = [frame[name].to_numpy(dtype=float, na_value=np.nan) for name in SUMMARY]
    time, found = SeasonalTime(np.ones(12)), bgnbd
    for _ in range(TURNS):
        expected = _expected(found, time, newcomers, edges) / time.factors[months % 12]
        time = SeasonalTime(_index(months, made, expected))
        found = BetaGeoNBD().fit(*time.rows(float(_days(until)), *rows))
    return SeasonalBetaGeoNBD(found, time, until)


def _whole_months(first: np.datetime64, last: np.datetime64) -> int:
    """Whole months from the begin of the day ``first`` to the end of the day ``last``."""
    begin, end = pd.Timestamp(first), pd.Timestamp(last) + pd.Timedelta(days=1)
    return (end.year - begin.year) * 12 + end.month - begin.month - (end.day < begin.day)
