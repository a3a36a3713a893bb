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

*Pre-period.* What a customer did before he was assigned foretells what he does after, and cannot be an effect. Taking
theta (X - mean X) off his value, X the same metric before, leaves the difference unbiased and makes it surer (CUPED).

*Split.* A split that is not the planned one says that the assignment or the counting is broken; then nothing is
decided. The test is always valid too: the Bayes factor of a Dirichlet mixture against the planned shares.

Sources: Robbins, "Statistical methods related to the law of the iterated logarithm", Ann. Math. Statist. 41 (1970);
Johari, Koomen, Pekelis and Walsh, "Always valid inference", Operations Research 70 (2022), the mSPRT; Howard, Ramdas,
McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Ann. Statist. 49 (2021),
section 3.2; Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic
confidence sequences", Ann. Statist. 52 (2024), theorem 2.2; Deng, Xu, Kohavi and Walker, "Improving the sensitivity of
online controlled experiments by utilizing pre-experiment data", WSDM (2013), CUPED; Lindon and Malek, "Anytime-valid
inference for multinomial count data", NeurIPS 35 (2022), the split; Welch, Biometrika 34 (1947); Holm, Scand. J.
Statist. 6 (1979).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special, stats

from precision_marketing.models.inputs import column_names, require_columns

ALPHA = 0.05
TIGHTEST_AT = 500
SPLIT_ALPHA = 0.001  # a broken split stops an experiment, so a false alarm is to be rare
MOMENT_COLUMNS = ("experiment_id", "variant", "metric", "n", "active", "total", "sum_of_squares")
BEFORE_COLUMNS = ("total_before", "sum_of_squares_before", "sum_of_products")
RESULT_SCHEMA = (
    "experiment_id string, variant string, metric string, compared_with string, n bigint, mean double, lift double, "
    "raw_lift double, variance_spared double, relative_lift double, standard_error double, ci_low double, "
    "ci_high double, p_value double, decision string, fixed_ci_low double, fixed_ci_high double, fixed_p_value double"
)
KEY = ["experiment_id", "variant", "metric", "compared_with"]


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


# The split, and what was before ----------------------------------------------------------------------


def split_p_value(counts: np.ndarray, shares: np.ndarray) -> float:
    """The always-valid p of planned shares (k,), which add up to 1, given customers per variant (k,).

    One over the Bayes factor of all splits alike (a flat Dirichlet) against the planned one, at most 1: the chance that
    it ever falls below some alpha, the split being as planned, is at most that alpha. 0 where a variant without a share
    has customers.
    """
    counts, shares = np.asarray(counts, float), np.asarray(shares, float)
    if (counts[shares <= 0] > 0).any():
        return 0.0
    counts, shares = counts[shares > 0], shares[shares > 0]
    k, n = len(counts), counts.sum()
    mixture = special.gammaln(k) - special.gammaln(k + n) + special.gammaln(1 + counts).sum()
    return float(np.exp(min(0.0, (counts * np.log(shares)).sum() - mixture)))


def adjust(rows: pd.DataFrame) -> pd.DataFrame:
    """Moments of one metric of one experiment, a row per variant, less what the time before foretells.

    rows: ``MOMENT_COLUMNS`` and ``BEFORE_COLUMNS``. theta is estimated within the variants, together. Returns rows with
    total and sum_of_squares adjusted, and variance_spared: the part of the variance within variants that is gone, 0
    where nothing was known before.
    """
    n = rows["n"].clip(lower=1)
    products = (rows["sum_of_products"] - rows["total"] * rows["total_before"] / n).sum()
    before = (rows["sum_of_squares_before"] - rows["total_before"] ** 2 / n).sum()
    after = (rows["sum_of_squares"] - rows["total"] ** 2 / n).sum()
    if not (before > 0 and after > 0):
        return rows.assign(variance_spared=0.0)
    theta, mean = products / before, rows["total_before"].sum() / n.sum()
    shift = rows["total_before"] - n * mean
    cross = rows["sum_of_products"] - mean * rows["total"]
    square = rows["sum_of_squares_before"] - 2 * mean * rows["total_before"] + n * mean**2
    return rows.assign(
        total=rows["total"] - theta * shift,
        sum_of_squares=rows["sum_of_squares"] - 2 * theta * cross + theta**2 * square,
        variance_spared=products**2 / before / after,
    )


def evaluate(
    moments: pd.DataFrame,
    alpha: float = ALPHA,
    tightest_at: float = TIGHTEST_AT,
    control: str = "A",
    *,
    design: pd.DataFrame | None = None,
    metrics: pd.DataFrame | None = None,
    all_pairs: bool = False,
) -> pd.DataFrame:
    """Results per experiment, variant, metric and the variant it is compared with, judged always-validly.

    moments: ``MOMENT_COLUMNS``, one row per experiment, variant and metric; with ``BEFORE_COLUMNS`` lifts are adjusted
    for the time before (``adjust``; raw_lift is not). tightest_at: the number of active customers at which the interval
    is narrowest. design: experiment_id, variant, is_control, share, of experiments whose control is not ``control`` or
    whose variants are not equally large. metrics: metric, family, direction ('up' or 'down', which way is better); by
    default one family, all up. all_pairs: compare each variant with those before it, not only with the control.

    A family of Holm's correction are the metrics of one family and the variants of one experiment; metrics that say the
    same there, such as conversion and orders where everybody orders once, count as one. So each experiment is decided
    by itself: next month's changes no decision of this month. Each family names a winner without there being one with a
    chance of at most alpha. Where the split is not the planned one (``split_p_value`` below ``SPLIT_ALPHA``) every
    decision is 'broken split'.
    Returns the columns of ``RESULT_SCHEMA``, sorted by its first four; lift, interval and p are NaN for the control,
    which is compared with itself. Raises ValueError if alpha is not between 0 and 1, tightest_at not positive, a
    direction neither up nor down, or a column is absent.
    """
    if not tightest_at > 0:
        raise ValueError(f"tightest_at must be positive, not {tightest_at}")
    require_columns(moments, MOMENT_COLUMNS)
    families: dict[str, str] = {}
    signs: dict[str, int] = {}
    if metrics is not None:
        require_columns(metrics, ["metric", "family", "direction"], "the metrics")
        unknown = sorted(set(metrics["direction"]) - {"up", "down"})
        if unknown:
            raise ValueError(f"direction must be up or down, not {', '.join(map(str, unknown))}")
        families = dict(zip(metrics["metric"], metrics["family"], strict=True))
        signs = dict(zip(metrics["metric"], metrics["direction"].map({"up": 1, "down": -1}), strict=True))
    rho = tightest_at / mixture_ratio(alpha)
    parts = []
    for experiment, rows in moments.groupby("experiment_id", sort=True):
        own = None if design is None else design[design["experiment_id"] == experiment]
        parts.append(_judge(rows, alpha, rho, control, own, families, signs, all_pairs))
    names = column_names(RESULT_SCHEMA)
    results = pd.concat(parts) if parts else pd.DataFrame(columns=names)
    return results[names].sort_values(KEY, ignore_index=True)


def _judge(
    rows: pd.DataFrame,
    alpha: float,
    rho: float,
    control: str,
    design: pd.DataFrame | None,
    families: dict[str, str],
    signs: dict[str, int],
    all_pairs: bool,
) -> pd.DataFrame:
    """The rows of one experiment with their results."""
    before = set(BEFORE_COLUMNS) <= set(rows.columns)
    numbers = [*MOMENT_COLUMNS[3:], *(BEFORE_COLUMNS if before else ())]
    rows = rows.astype(dict.fromkeys(numbers, float)).sort_values(["variant", "metric"], ignore_index=True)
    variants = sorted(rows["variant"].unique())
    planned = dict.fromkeys(variants, 1 / len(variants))
    if design is not None and len(design):
        chosen = design.loc[design["is_control"].astype(bool), "variant"]
        control = str(chosen.iloc[0]) if len(chosen) else control
        shares = design.set_index("variant")["share"].astype(float)
        planned = {name: shares.get(name, 0.0) / shares.sum() for name in {*variants, *shares.index}}
    counts = rows.groupby("variant")["n"].max().reindex(sorted(planned), fill_value=0)
    is_broken = split_p_value(counts.to_numpy(), np.array([planned[name] for name in counts.index])) < SPLIT_ALPHA

    adjusted = rows.assign(variance_spared=0.0)
    if before:
        adjusted = pd.concat([adjust(of_metric) for _, of_metric in rows.groupby("metric")]).loc[rows.index]
    results = rows.assign(n=rows["n"].astype("int64"), mean=_moments(rows).mean, compared_with=control)
    results["variance_spared"] = adjusted["variance_spared"]
    others = [control, *([name for name in variants if name != control] if all_pairs else [])]
    pairs = []
    for place, other in enumerate(others):
        if other not in variants:
            continue
        compared = rows["variant"].isin([name for name in variants if name not in others[: place + 1]])
        pairs.append(results[compared].assign(compared_with=other, position=rows.index[compared]))
    results["decision"] = np.where(rows["variant"] == control, "control", "no control")
    effects = ["lift", "raw_lift", "relative_lift", "standard_error", "ci_low", "ci_high", "p_value"]
    results[[*effects, "fixed_ci_low", "fixed_ci_high", "fixed_p_value"]] = np.nan
    if not pairs or not sum(map(len, pairs)):
        return results

    found = pd.concat(pairs, ignore_index=True)
    at = pd.Series(rows.index, index=pd.MultiIndex.from_frame(rows[["variant", "metric"]]))
    base_at = at.reindex(pd.MultiIndex.from_frame(found[["compared_with", "metric"]])).to_numpy()
    known = ~np.isnan(base_at)
    found, base_at = found[known].reset_index(drop=True), base_at[known].astype(int)
    raw = compare(_moments(rows.loc[base_at]), _moments(rows.loc[found["position"]]))
    sure = compare(_moments(adjusted.loc[base_at]), _moments(adjusted.loc[found["position"]]))
    p_values = sequential_p_value(sure, rho)
    family = found["metric"].map(families).fillna("").to_numpy()
    levels, holms = np.empty(len(found)), np.empty(len(found))
    for name in np.unique(family):
        own = np.flatnonzero(family == name)
        same = pd.DataFrame({"variant": found["variant"], "with": found["compared_with"], "p": p_values.round(12),
                             "information": sure.information.round(6)}).iloc[own]  # fmt: skip
        code, _ = pd.factorize(pd.MultiIndex.from_frame(same))
        first = pd.Series(own).groupby(code).first().to_numpy()
        levels[own], holms[own] = holm_levels(p_values[first], alpha)[code], holm(p_values[first])[code]
    radius, fixed = sequential_radius(sure, levels, rho), fixed_radius(raw, alpha)
    lift, base = sure.difference, _moments(rows.loc[base_at]).mean
    better = lift * found["metric"].map(signs).fillna(1).to_numpy() > 0
    judged = found.assign(
        lift=lift,
        raw_lift=raw.difference,
        relative_lift=np.where(base != 0, lift / np.where(base != 0, base, 1), np.nan),
        standard_error=np.sqrt(sure.variance),
        ci_low=lift - radius,
        ci_high=lift + radius,
        p_value=holms,
        decision=np.where(holms > alpha, "undecided", np.where(better, "winner", "loser")),
        fixed_ci_low=raw.difference - fixed,
        fixed_ci_high=raw.difference + fixed,
        fixed_p_value=fixed_p_value(raw),
    )
    if is_broken:
        judged["decision"] = "broken split"
        judged[["ci_low", "ci_high", "p_value", "fixed_ci_low", "fixed_ci_high", "fixed_p_value"]] = np.nan
    settled = results.index.isin(judged.loc[judged["compared_with"] == control, "position"])
    return pd.concat([results[~settled], judged]).replace([np.inf, -np.inf], np.nan)


def _moments(rows: pd.DataFrame) -> Moments:
    return Moments(*(rows[name].to_numpy() for name in MOMENT_COLUMNS[3:]))
