"""A/B tests that may be looked at as often as one likes.

A test of the classical kind is valid once, at an hour fixed in advance. Who looks every hour and stops at the first
p below 0.05 is wrong far more often than one time in twenty (benchmarks/experiments.py measures how often). The
intervals here are *always valid*: the true difference (so far) lies in all of them, whenever and however often somebody
looks, with the confidence stated.

They come from the normal mixture of Robbins. Let S be the sum over all customers of what they did, counted positive in
the variant and negative in the control, and V its variance, which grows while the experiment runs. If the variants do
not differ, ``exp(S^2 / (2 (V + rho))) * sqrt(rho / (V + rho))`` is a martingale that starts at 1, so the chance that it
ever reaches 1 / alpha is at most alpha (Ville's inequality). With z = difference / standard error and
x = V / rho that gives

    p  = sqrt(1 + x) * exp(-z^2 / 2 * x / (1 + x))
    CI = difference -+ standard error * sqrt((1 + 1 / x) * (ln(1 + x) + 2 ln(1 / alpha)))

The variance is estimated, so the guarantee holds for large samples ("asymptotic confidence sequence"). A customer who
orders again adds to a sum to which he added before; such steps are positively correlated, which makes crossings rarer
(Slepian's inequality), so the rule errs on the safe side. V is counted in customers who did something
(``information``), so that one ``rho`` serves shares, counts and money.

Sources: Robbins, "Statistical methods related to the law of the iterated logarithm", Ann. Math. Statist. 41 (1970);
Johari, Koomen, Pekelis and Walsh, "Always valid inference", Operations Research 70 (2022), the mSPRT; Howard, Ramdas,
McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Ann. Statist. 49 (2021),
section 3.2; Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic
confidence sequences", Ann. Statist. 52 (2024), theorem 2.2; Welch, Biometrika 34 (1947); Holm, Scand. J. Statist. 6
(1979).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from precision_marketing.models.inputs import require_columns

ALPHA = 0.05
TIGHTEST_AT = 500
MOMENT_COLUMNS = ("experiment_id", "variant", "metric", "n", "active", "total", "sum_of_squares")
RESULT_SCHEMA = (
    "experiment_id string, variant string, metric string, n bigint, mean double, lift double, relative_lift double, "
    "standard_error double, ci_low double, ci_high double, p_value double, decision string, "
    "fixed_ci_low double, fixed_ci_high double, fixed_p_value double"
)


class Moments(NamedTuple):
    """What is known of one variant: numbers or arrays of one shape.

    n: customers; active: those whose value is not 0; total and sum_of_squares: of the values, one per customer.
    """

    n: np.ndarray
    active: np.ndarray
    total: np.ndarray
    sum_of_squares: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean value of a customer; 0 without customers."""
        return _ratio(self.total, self.n)

    @property
    def variance(self) -> np.ndarray:
        """Sample variance of a customer's value; 0 with fewer than two customers."""
        squares = np.asarray(self.sum_of_squares, float) - self.mean * self.total
        return np.maximum(_ratio(squares, np.asarray(self.n) - 1), 0)


class Comparison(NamedTuple):
    """A variant against its control; numbers or arrays of one shape.

    difference: of the means, in units of the metric; variance: of that difference; degrees: of freedom after Welch;
    information: how much has been seen, in customers who did something.
    """

    difference: np.ndarray
    variance: np.ndarray
    degrees: np.ndarray
    information: np.ndarray


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """numerator / denominator, 0 where the denominator is not positive."""
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    return np.where(denominator > 0, numerator / np.where(denominator > 0, denominator, 1), 0.0)


def compare(control: Moments, variant: Moments) -> Comparison:
    """The difference of two means and what is needed to judge it.

    The information is 4 n_eff^2 variance / s^2, with n_eff = n_a n_b / (n_a + n_b) and s^2 the mean square of an
    active customer, variants taken together: for two halves and a share p, n p (1 - p). It is 0 while nobody has done
    anything.
    """
    spread_a, spread_b = _ratio(control.variance, control.n), _ratio(variant.variance, variant.n)
    variance = spread_a + spread_b
    weights = _ratio(spread_a**2, np.asarray(control.n) - 1) + _ratio(spread_b**2, np.asarray(variant.n) - 1)
    effective = _ratio(np.asarray(control.n) * np.asarray(variant.n), np.asarray(control.n) + np.asarray(variant.n))
    square = _ratio(
        np.asarray(control.sum_of_squares) + variant.sum_of_squares, np.asarray(control.active) + variant.active
    )
    information = _ratio(4 * effective**2 * variance, square)
    return Comparison(variant.mean - control.mean, variance, _ratio(variance**2, weights), information)


# One look, at an hour fixed in advance ---------------------------------------------------------------


def fixed_radius(comparison: Comparison, alpha: float = ALPHA) -> np.ndarray:
    """Half the width of Welch's interval with confidence 1 - alpha; infinite without degrees of freedom."""
    known = comparison.degrees > 0
    quantile = stats.t.ppf(1 - alpha / 2, np.where(known, comparison.degrees, 1))
    return np.where(known, quantile * np.sqrt(comparison.variance), np.inf)


def fixed_p_value(comparison: Comparison) -> np.ndarray:
    """Welch's two-sided p; 1 without degrees of freedom."""
    known = (comparison.degrees > 0) & (comparison.variance > 0)
    error = np.sqrt(np.where(known, comparison.variance, 1))
    p_value = 2 * stats.t.sf(np.abs(comparison.difference) / error, np.where(known, comparison.degrees, 1))
    return np.where(known, p_value, 1.0)


# Any number of looks ---------------------------------------------------------------------------------


def mixture_ratio(alpha: float = ALPHA) -> float:
    """The x = V / rho at which the interval is tightest: the solution of x = ln(1 + x) + 2 ln(1 / alpha).

    Raises ValueError unless 0 < alpha < 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    ratio = 2 * np.log(1 / alpha)
    for _ in range(200):  # a contraction: the slope of the right side is 1 / (1 + x) < 1
        ratio = np.log1p(ratio) + 2 * np.log(1 / alpha)
    return float(ratio)


def sequential_radius(
    comparison: Comparison, alpha: float | np.ndarray = ALPHA, rho: float | None = None
) -> np.ndarray:
    """Half the width of the always-valid interval with confidence 1 - alpha; infinite while nothing is known.

    rho: in the units of the information, fixed before the experiment; by default tightest at ``TIGHTEST_AT`` for
    ``ALPHA``.
    """
    x = comparison.information / (TIGHTEST_AT / mixture_ratio() if rho is None else rho)
    known = x > 0
    x = np.where(known, x, 1)
    radius = np.sqrt(comparison.variance * (1 + 1 / x) * (np.log1p(x) - 2 * np.log(alpha)))
    return np.where(known, radius, np.inf)


def sequential_p_value(comparison: Comparison, rho: float | None = None) -> np.ndarray:
    """The always-valid p, 0 to 1: the smallest alpha whose interval leaves out 0."""
    x = comparison.information / (TIGHTEST_AT / mixture_ratio() if rho is None else rho)
    known = x > 0
    squared = comparison.difference**2 / np.where(known, comparison.variance, 1)
    p_value = np.sqrt(1 + x) * np.exp(-squared / 2 * x / (1 + x))
    return np.where(known, np.minimum(p_value, 1), 1.0)


# Several metrics -------------------------------------------------------------------------------------


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values of a family, in the order given: (m,) to (m,)."""
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted


def holm_levels(p_values: np.ndarray, alpha: float = ALPHA) -> np.ndarray:
    """The level at which Holm judges each member of a family: (m,) to (m,).

    alpha / (m - i) for the i-th smallest p (from 0) as long as it is rejected; the level of the first that is not, for
    all from there. An interval at that level leaves out 0 exactly where Holm rejects. No level exceeds alpha, so
    each interval by itself has at least the confidence 1 - alpha.
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values, kind="stable")
    steps = alpha / np.arange(len(order), 0, -1)
    kept = np.flatnonzero(p_values[order] > steps)
    last = kept[0] if len(kept) else len(order) - 1
    levels = np.empty_like(p_values)
    levels[order] = steps[np.minimum(np.arange(len(order)), last)]
    return levels


def evaluate(
    moments: pd.DataFrame, alpha: float = ALPHA, tightest_at: float = TIGHTEST_AT, control: str = "A"
) -> pd.DataFrame:
    """Results per experiment, variant and metric, judged always-validly.

    moments: ``MOMENT_COLUMNS``, one row per experiment, variant and metric. tightest_at: the number of active
    customers at which the interval is narrowest. The family of Holm's correction are the metrics and variants of one
    experiment: each experiment is decided by itself, so that the one of next month changes no decision of this month,
    and names a winner without there being one with a chance of at most alpha. lift is the difference to the control
    in units of the metric. Returns the columns of ``RESULT_SCHEMA``, sorted by its first three; lift, interval and p
    are NaN for the control. Raises ValueError if alpha is not between 0 and 1, tightest_at not positive, or a column
    is absent.
    """
    if not tightest_at > 0:
        raise ValueError(f"tightest_at must be positive, not {tightest_at}")
    require_columns(moments, MOMENT_COLUMNS)
    rho = tightest_at / mixture_ratio(alpha)
    families = [_judge(rows, alpha, rho, control) for _, rows in moments.groupby("experiment_id", sort=True)]
    names = [column.split()[0] for column in RESULT_SCHEMA.split(", ")]
    results = pd.concat(families) if families else pd.DataFrame(columns=names)
    return results[names].sort_values(names[:3], ignore_index=True)


def _judge(rows: pd.DataFrame, alpha: float, rho: float, control: str) -> pd.DataFrame:
    """The rows of one experiment with their results."""
    numbers = [name for name in MOMENT_COLUMNS if name not in ("experiment_id", "variant", "metric")]
    rows = rows.astype(dict.fromkeys(numbers, float)).sort_values(["variant", "metric"], ignore_index=True)
    own = Moments(*(rows[name].to_numpy() for name in numbers))
    other = rows[["metric"]].merge(rows[rows["variant"] == control], on="metric", how="left")
    results = rows.assign(n=own.n.astype("int64"), mean=own.mean)
    compared = ((rows["variant"] != control) & other["n"].notna()).to_numpy()
    results["decision"] = np.where(rows["variant"] == control, "control", "no control")
    effects = ["lift", "relative_lift", "standard_error", "ci_low", "ci_high", "p_value"]
    results[[*effects, "fixed_ci_low", "fixed_ci_high", "fixed_p_value"]] = np.nan
    if not compared.any():
        return results

    base = Moments(*(other.loc[compared, name].to_numpy() for name in numbers))
    comparison = compare(base, Moments(*(values[compared] for values in own)))
    p_values = sequential_p_value(comparison, rho)
    radius = sequential_radius(comparison, holm_levels(p_values, alpha), rho)
    fixed = fixed_radius(comparison, alpha)
    adjusted = holm(p_values)
    lift = comparison.difference
    found = {
        "lift": lift,
        "relative_lift": np.where(base.mean != 0, lift / np.where(base.mean != 0, base.mean, 1), np.nan),
        "standard_error": np.sqrt(comparison.variance),
        "ci_low": lift - radius,
        "ci_high": lift + radius,
        "p_value": adjusted,
        "decision": np.where(adjusted > alpha, "undecided", np.where(lift > 0, "winner", "loser")),
        "fixed_ci_low": lift - fixed,
        "fixed_ci_high": lift + fixed,
        "fixed_p_value": fixed_p_value(comparison),
    }
    for name, values in found.items():
        results.loc[compared, name] = values
    return results.replace([np.inf, -np.inf], np.nan)
