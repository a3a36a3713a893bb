"""Price elasticities per product, learned from weekly sales.


*Demand.* Units of product i in week t are a count with the mean

    exposure_it * exp(level_i + week_ct + elasticity_i * ln(price_it / last price_i))

fitted by Poisson pseudo maximum likelihood: weeks without a sale count in full, which a logarithm of units could not
take, and the estimate is consistent whatever the distribution, as long as the mean is right. The week effects are those
of the product's category c, so a season that moves prices and sales of a category together is no elasticity; categories
with fewer than ``MIN_CATEGORY`` products share theirs. The exposure is the share of the week's days on which the
product was in stock. A week without stock says nothing about demand and is left out; a week of unknown stock counts as
in stock.

*Uncertainty.* Sales of one product in neighbouring weeks are alike, and prices hold for weeks. So scores are summed
over clusters (a price's spell, ``CLUSTER_WEEKS`` or longer), and their squares, corrected for leverage, are compared
with what Poisson counts would give. The ratio of one product is itself too uncertain to use; it is explained over all
products as 1 + a + b * k_i, where k_i is what a shock common to a cluster contributes. Errors that products have in
common through the week effects are added to the variance of their category's mean.

*Shrinkage.* An estimate b_i with variance v_i is drawn towards its category, and a category's mean towards the mean of
all: b_i ~ N(elasticity_i, v_i), elasticity_i ~ N(mean_c, spread_c^2), mean_c ~ N(mean, spread^2). Means have flat
priors, spreads Rayleigh ones with scale ``SPREAD_SCALE``, which are 0 at 0, and spreads are integrated out on a grid.
So a few products that happen to agree do not make anyone sure that all do. The likelihood is expanded at the shrunk
value, not at its own maximum: a product that sold only while it was cheap has no finite maximum, but a slope and a
curvature everywhere.

What it cannot know. Week effects hold whatever moves all products of a category alike, so the elasticity is that of one
price against the others; where all prices of a category move as one, there is none to be had, and it comes from the
other categories or is NaN. If prices are cut because a product's own demand is weak, low prices
meet low demand and the elasticity comes out too close to 0. ``Elasticities.follows_demand`` tests whether past prices
did follow past sales. Where a price is seen in sales only, a low one, which sells, is seen soon and then stands in for
weeks without a sale, in which it may be over; so low prices meet few sales, and elasticities come out too close to 0 or
above it. ``unseen_share`` says how much of the time that concerns.

Sources: Santos Silva and Tenreyro, "The log of gravity", Rev. Econ. Statist. 88 (2006); Correia, Guimaraes and Zylkin,
"Verifying the existence of maximum likelihood estimates for generalized linear models" (2019), separation; Bell and
McCaffrey, "Bias reduction in standard errors for linear regression with multi-stage samples", Survey Methodology 28
(2002); Morris, "Parametric empirical Bayes inference", JASA 78 (1983); Gelman et al., Bayesian Data Analysis, 3rd ed.
(2013), section 5.4; Chung, Rabe-Hesketh, Dorie, Gelman and Liu, "A nondegenerate penalized likelihood estimator for
variance parameters in multilevel models", Psychometrika 78 (2013).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, sparse, stats

from precision_marketing.models.inputs import require_columns

SALES_COLUMNS = ("product_id", "category", "week", "price", "units", "stocked_share")
Z = stats.norm.ppf(0.975)  # intervals are of 95%
MIN_CATEGORY = 5
CLUSTER_WEEKS = 4
SPREAD_SCALE = 1.0
SPREADS = np.concatenate([[0.0], np.geomspace(0.01, 3.0, 60)])
START = (-1.0, 1.0)  # prior mean and variance of the first round; later ones come from the data
RECENT_WEEKS = 13
LARGEST_ERROR = 30.0  # a larger standard error of an elasticity says that nothing is known


class Elasticities(NamedTuple):
    """What ``fit_elasticities`` found.

    products: one row per product: product_id, category, elasticity, standard_error, elasticity_low, elasticity_high
    (after shrinkage), own_elasticity, own_standard_error (before; NaN where the product's own sales say nothing),
    own_weight (0 to 1: how much of the elasticity is the product's own), weeks (usable ones), price_changes, units,
    lowest_price, highest_price, last_price, weekly_units (expected at the last price, in an average one of the last
    ``RECENT_WEEKS`` weeks, in stock), weekly_units_error (a standard error, as a share), stock_known_share,
    unseen_share (of the weeks, 0 to 1: those without a sale before one at another price, either of which they may have
    had) and is_fitted (whether the demand of its category could be fitted; if not, its own sales say nothing).
    categories: one row per category: category, products, informative_products (whose own sales say something),
    elasticity, standard_error, elasticity_low, elasticity_high, unseen_share (the products', by units).
    overall: one row, of a category not seen yet: elasticity, standard_error, elasticity_low, elasticity_high, and the
    standard deviations product_spread (within categories) and category_spread (of their means).
    dispersion: median over products of the variance of the scores in units of a Poisson count's.
    follows_demand: (correlation, p_value) of a price with the product's sales in the weeks before it, less what the
    model expects; p is one-sided, small where prices fell after weak sales. NaN without price changes.
    """

    products: pd.DataFrame
    categories: pd.DataFrame
    overall: pd.DataFrame
    dispersion: float
    follows_demand: tuple[float, float]


# The panel -------------------------------------------------------------------------------------------


class _Panel(NamedTuple):
    """Products of one set of week effects: arrays (n products, t weeks), with exposure 0 where a week is left out."""

    products: np.ndarray
    units: np.ndarray
    exposure: np.ndarray
    log_price: np.ndarray
    clusters: np.ndarray


class _Fit(NamedTuple):
    """Penalised fit of a panel: slopes (n,), expected units (n, t), levels (n,) and week factors (t,)."""

    slope: np.ndarray
    expected: np.ndarray
    level: np.ndarray
    week: np.ndarray


def _checked(sales: pd.DataFrame) -> pd.DataFrame:
    """The sales with numbers as floats; raises ValueError that names the column and what is wrong with it."""
    require_columns(sales, SALES_COLUMNS, "the sales")
    for column in ("product_id", "category", "week"):
        if sales[column].isna().any():
            raise ValueError(f"{column} is missing in {int(sales[column].isna().sum())} rows of the sales")
    numbers = {name: pd.to_numeric(sales[name], errors="coerce").astype(float) for name in SALES_COLUMNS[3:]}
    wrong = {
        "price": ~(np.isfinite(numbers["price"]) & (numbers["price"] > 0)),
        "units": ~(np.isfinite(numbers["units"]) & (numbers["units"] >= 0)),
        "stocked_share": sales["stocked_share"].notna() & ~numbers["stocked_share"].between(0, 1),
    }
    demands = {
        "price": "a positive number; carry the last price through weeks without a sale",
        "units": "a number that is not negative",
        "stocked_share": "between 0 and 1, or null where it is unknown",
    }
    for column, rows in wrong.items():
        if rows.any():
            raise ValueError(f"{column} must be {demands[column]}: it is not in {int(rows.sum())} rows of the sales")
    doubled = sales.duplicated(["product_id", "week"])
    if doubled.any():
        first = sales.loc[doubled].iloc[0]
        raise ValueError(f"product_id and week come twice: {first['product_id']}, {first['week']}")
    several = sales.groupby("product_id")["category"].nunique()
    if (several > 1).any():
        raise ValueError(f"product_id has several values of category: {several.idxmax()}")
    return sales.assign(**numbers)


def _clusters(log_price: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """Number of the cluster of each cell (n, t): a new one begins where the price changes, ``CLUSTER_WEEKS`` apart."""
    numbers = np.zeros(log_price.shape, int)
    current = np.zeros(len(log_price), int)
    length = np.zeros(len(log_price), int)
    price = np.full(len(log_price), np.nan)
    for week in range(log_price.shape[1]):
        seen = exposure[:, week] > 0
        starts = seen & (np.abs(log_price[:, week] - price) > 1e-6) & (length >= CLUSTER_WEEKS)
        current, length = current + starts, np.where(starts, 0, length) + seen
        price = np.where(seen, log_price[:, week], price)
        numbers[:, week] = current
    return numbers


def _panels(sales: pd.DataFrame, products: pd.DataFrame) -> list[_Panel]:
    """Panels of the products that were sold, by category; small categories go together."""
    sold = products[products["units"] > 0]
    sizes = sold.groupby("category")["product_id"].transform("size")
    group = sold["category"].where(sizes >= MIN_CATEGORY)
    weeks = pd.Index(np.sort(sales["week"].unique()))
    panels = []
    for _, rows in sold.groupby(group, dropna=False):
        own = sales[sales["product_id"].isin(rows["product_id"])]
        row, column = pd.Index(rows["product_id"]).get_indexer(own["product_id"]), weeks.get_indexer(own["week"])
        units, exposure, log_price = np.zeros((3, len(rows), len(weeks)))
        exposure[row, column] = own["stocked_share"].fillna(1.0)
        units[row, column] = own["units"].where(own["stocked_share"].fillna(1.0) > 0, 0.0)
        log_price[row, column] = np.log(own["price"].to_numpy() / rows["last_price"].to_numpy()[row])
        panels.append(_Panel(rows.index.to_numpy(), units, exposure, log_price, _clusters(log_price, exposure)))
    return panels


# Demand ----------------------------------------------------------------------------------------------


def _profile(panel: _Panel, slope: np.ndarray, week: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest level (n,) given slopes and week effects, in logs, and the expected units (n, t)."""
    raw = panel.exposure * np.exp(slope[:, None] * panel.log_price + week)
    level = np.log(panel.units.sum(axis=1)) - np.log(raw.sum(axis=1))
    return level, raw * np.exp(level)[:, None]


def _fit_panel(panel: _Panel, prior_mean: np.ndarray, penalty: np.ndarray, start: _Fit | None) -> _Fit | None:
    """Slopes that maximise the Poisson likelihood less penalty / 2 * (slope - prior mean)^2, by Newton's method.

    Levels are profiled out; week effects are eliminated from each step by Schur's complement, so a step costs
    O(n t^2 + t^3). None if it does not converge.
    """
    used = panel.units.sum(axis=0) > 0  # a week without any sale has the effect minus infinity and says nothing more
    panel = panel._replace(**{name: getattr(panel, name)[:, used] for name in ("units", "exposure", "log_price")})
    slope = prior_mean.copy() if start is None else start.slope
    week = np.zeros(used.sum()) if start is None else np.log(start.week[used])

    def value(slope: np.ndarray, expected: np.ndarray) -> float:
        seen = panel.units > 0
        likelihood = (panel.units[seen] * np.log(expected[seen])).sum() - expected.sum()
        return likelihood - (penalty * (slope - prior_mean) ** 2).sum() / 2

    level, expected = _profile(panel, slope, week)
    best = value(slope, expected)
    for _ in range(100):
        totals = expected.sum(axis=1)
        centred = panel.log_price - ((expected * panel.log_price).sum(axis=1) / totals)[:, None]
        own = (expected * centred**2).sum(axis=1) + penalty
        cross = expected * centred
        residual = panel.units - expected
        score = (residual * centred).sum(axis=1) - penalty * (slope - prior_mean)
        weeks = np.diag(expected.sum(axis=0)) - expected.T @ (expected / totals[:, None])
        weeks += expected.sum() / len(week) ** 2  # levels and week effects share a constant: week effects add up to 0
        week_score = residual.sum(axis=0) - cross.T @ (score / own)
        # Weeks that no product tells apart leave a direction of which nothing is known: the step is the shortest.
        try:
            week_step = np.linalg.lstsq(weeks - cross.T @ (cross / own[:, None]), week_score)[0]
        except np.linalg.LinAlgError:
            return None
        slope_step = (score - cross @ week_step) / own
        if max(np.abs(slope_step).max(), np.abs(week_step).max()) < 1e-7:
            factors = np.zeros(len(used))
            factors[used] = np.exp(week)
            expected_all = np.zeros((len(slope), len(used)))
            expected_all[:, used] = expected
            return _Fit(slope, expected_all, level, factors)
        for size in 0.5 ** np.arange(30):
            new_slope, new_week = slope + size * slope_step, week + size * week_step
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # a step too far, which is not taken
                new_level, new_expected = _profile(panel, new_slope, new_week)
                new_best = value(new_slope, new_expected)
            if np.isfinite(new_best) and new_best >= best - 1e-9 * abs(best):
                break
        slope, week, level, expected, best = new_slope, new_week, new_level, new_expected, new_best
    return None


def _cluster_sums(panel: _Panel, values: np.ndarray) -> np.ndarray:
    """Sums of values (n, t) over the clusters of each product: (n, clusters)."""
    shape = (len(values), panel.clusters.max() + 1)
    place = np.ravel_multi_index((np.indices(values.shape)[0], panel.clusters), shape)
    return np.bincount(place.ravel(), values.ravel(), np.prod(shape)).reshape(shape)


class _Scores(NamedTuple):
    """Of each product of a panel (n,): the slope where the likelihood alone would put it, and its variance if counts
    were Poisson ones, infinite where it is unknown; the squared cluster scores in units of that, what a unit cluster
    shock adds to them, and degrees of freedom. common (n, t): factor of the part of the covariance (n, n) that the week
    effects, estimated from the same sales, bring about."""

    estimate: np.ndarray
    variance: np.ndarray
    ratio: np.ndarray
    shock: np.ndarray
    degrees: np.ndarray
    common: np.ndarray


def _scores(panel: _Panel, fit: _Fit, prior_mean: np.ndarray, penalty: np.ndarray) -> _Scores:
    """The likelihood of the slopes as a paraboloid at the fitted values, and how dispersed their cluster scores are."""
    expected, totals = fit.expected, fit.expected.sum(axis=1)
    centred = panel.log_price - ((expected * panel.log_price).sum(axis=1) / totals)[:, None]
    curvature = expected * centred**2
    varied = curvature.sum(axis=1) > 1e-9
    whole = np.where(varied, curvature.sum(axis=1), 1.0)
    projected = np.where(varied[:, None], expected * centred, 0.0) / whole[:, None]
    # The Newton step without the penalty; where all prices of a category move as one, weeks and prices are the same
    # thing, an eigenvalue is 0 and the variance as good as infinite.
    weeks = np.diag(expected.sum(axis=0)) - expected.T @ (expected / totals[:, None])
    weeks += np.outer(expected.any(axis=0), expected.any(axis=0)) * expected.mean() + np.diag(~expected.any(axis=0))
    size, axes = np.linalg.eigh(weeks - projected.T @ (projected * whole[:, None]))
    common = projected @ (axes / np.sqrt(np.maximum(size, 1e-10 * size.max())))
    variance = np.where(varied, 1 / whole + (common**2).sum(axis=1), np.inf)
    known = variance < LARGEST_ERROR**2
    pull = np.where(varied, penalty * (fit.slope - prior_mean), 0.0)
    estimate = np.where(known, fit.slope + pull / whole + common @ (common.T @ pull), np.nan)

    leverage = expected / np.maximum(expected.sum(axis=0), 1e-12)  # of the week effects
    cell = centred * (panel.units - expected) / np.sqrt(1 - np.minimum(leverage, 0.9))
    cell -= np.where(known, estimate - fit.slope, 0.0)[:, None] * curvature
    share = _cluster_sums(panel, curvature) / whole[:, None]
    free = np.clip(1 - share - _cluster_sums(panel, expected) / totals[:, None], 0.1, 1)  # leverage of slope and level
    ratio = (_cluster_sums(panel, cell) ** 2 / free).sum(axis=1) / whole
    shock = (_cluster_sums(panel, expected * centred) ** 2).sum(axis=1) / whole
    degrees = 1 / np.maximum((share**2).sum(axis=1), 1e-3) - 1
    return _Scores(estimate, np.where(known, variance, np.inf), ratio, shock, degrees, common)


def _dispersion(scores: list[_Scores]) -> tuple[float, float]:
    """1 + a and b of the variance of a product's score, 1 + a + b * shock in units of a Poisson count's.

    a and b are not negative; least squares, weighted by the degrees of freedom over the squared dispersion.
    """
    variance, ratio, shock, degrees = (np.concatenate(values) for values in list(zip(*scores, strict=True))[1:5])
    use = np.isfinite(variance) & (degrees > 0.5)
    factors = np.column_stack([np.ones(use.sum()), shock[use]])
    coefficients = np.zeros(2)
    for _ in range(4 if use.any() else 0):
        weight = np.sqrt(degrees[use]) / (1 + factors @ coefficients)
        coefficients, _ = optimize.nnls(factors * weight[:, None], (ratio[use] - 1) * weight)
    return float(1 + coefficients[0]), float(coefficients[1])


# Shrinkage -------------------------------------------------------------------------------------------


class _Hierarchy(NamedTuple):
    """Chances of each of ``SPREADS`` (k,), and given each: the means of the groups and their variances (k, groups)."""

    chance: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    def moments(self, mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance over the spreads of what has this mean and variance (k, n) given each."""
        centre = self.chance @ mean
        return centre, self.chance @ (variance + (mean - centre) ** 2)


def _hierarchy(estimates: np.ndarray, variances: np.ndarray, group: np.ndarray) -> _Hierarchy:
    """The posterior of the groups' means and of the spread within them, from estimates (n,) in groups 0, 1, ...

    An infinite variance says that there is no estimate. A group without any has the mean 0 and an infinite variance.
    """
    members = sparse.csr_array((np.ones(len(group)), (np.arange(len(group)), group)))
    known = np.isfinite(variances)
    weight = np.where(known, 1 / (np.where(known, variances, 1) + SPREADS[:, None] ** 2), 0)
    total = weight @ members
    safe = np.where(total > 0, total, 1)
    mean = (weight * np.where(known, estimates, 0)) @ members / safe
    distance = np.where(known, estimates - mean[:, group], 0)
    log_likelihood = np.log(np.where(known, weight, 1)).sum(axis=1) - (weight * distance**2).sum(axis=1)
    log_chance = (log_likelihood - np.log(safe).sum(axis=1) - (SPREADS / SPREAD_SCALE) ** 2) / 2
    chance = np.exp(log_chance - log_chance.max()) * SPREADS * np.gradient(SPREADS)
    return _Hierarchy(chance / chance.sum(), mean, np.where(total > 0, 1 / safe, np.inf))


def _shrunk(
    hierarchy: _Hierarchy, estimates: np.ndarray, variances: np.ndarray, centre: np.ndarray, centre_variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Posterior mean, variance and own weight of values (n,), given what they are drawn to and its variance (k, n)."""
    known = np.isfinite(variances)
    own, safe = np.where(known, estimates, 0.0), np.where(known, variances, 1.0)
    spread = SPREADS[:, None] ** 2
    weight = np.where(known, spread / (spread + safe), 0.0)
    mean = weight * own + (1 - weight) * centre
    variance = np.where(known, weight * safe, spread) + (1 - weight) ** 2 * centre_variance
    return *hierarchy.moments(mean, variance), hierarchy.chance @ weight


class _Shrinkage(NamedTuple):
    """Means, variances and own weights of products (3, n) and categories (3, groups), mean and variance of a category
    not seen yet, and the spreads: of products within categories, of categories."""

    products: np.ndarray
    categories: np.ndarray
    overall: np.ndarray
    spreads: np.ndarray


def _shrink(estimates: np.ndarray, variances: np.ndarray, category: np.ndarray, shared: np.ndarray) -> _Shrinkage:
    """Products drawn to their categories (numbered 0, 1, ...) and those to each other; NaN if no product is known.

    shared (groups,): what errors that products have in common add to the variance of a category's mean.
    """
    if not np.isfinite(variances).any():
        return _Shrinkage(
            *(np.full(shape, np.nan) for shape in ((3, len(category)), (3, category.max(initial=-1) + 1), 2, 2))
        )
    within = _hierarchy(estimates, variances, category)
    within = within._replace(variance=within.variance + shared)
    means, mean_variances = within.moments(within.mean, within.variance)
    across = _hierarchy(means, mean_variances, np.zeros(len(means), int))
    categories = np.array(_shrunk(across, means, mean_variances, across.mean, across.variance))
    # Given each spread, a category's mean is moved as much as it is on average.
    centre = (categories[0] + categories[2] * (within.mean - means))[:, category]
    products = np.array(_shrunk(within, estimates, variances, centre, categories[1][category]))
    overall = np.ravel(across.moments(across.mean, across.variance + SPREADS[:, None] ** 2))
    spreads = np.sqrt([within.chance @ SPREADS**2, across.chance @ SPREADS**2])
    return _Shrinkage(products, categories, overall, spreads)


def _shared_variance(weight: np.ndarray, common: np.ndarray, category: np.ndarray, groups: int) -> np.ndarray:
    """What the common part of the errors of estimates (n,), common @ common.T, adds to the variance of each category's
    weighted mean, besides what it adds to that of each estimate: (groups,)."""
    members = sparse.csr_array((weight, (category, np.arange(len(weight)))), (groups, len(weight)))
    added = ((members @ common) ** 2).sum(axis=1) - members.power(2) @ (common**2).sum(axis=1)
    return np.maximum(added, 0) / np.maximum(np.asarray(members.sum(axis=1)), 1e-12) ** 2


# Elasticities ----------------------------------------------------------------------------------------


def _product_rows(sales: pd.DataFrame) -> pd.DataFrame:
    """What the sales say of each product by itself; a week without stock does not count."""
    stocked = sales[sales["stocked_share"].fillna(1.0) > 0].sort_values("week")
    by_product = stocked.groupby("product_id")
    changes = (stocked["price"] / by_product["price"].shift() - 1).abs() > 1e-6
    rows = sales.sort_values("week").groupby("product_id", as_index=False).agg(
        category=("category", "last"), last_price=("price", "last")
    )  # fmt: skip
    known = by_product["stocked_share"].agg(lambda share: share.notna().mean())
    found = pd.DataFrame({
        "weeks": by_product.size(), "price_changes": changes.groupby(stocked["product_id"]).sum(),
        "units": by_product["units"].sum(), "lowest_price": by_product["price"].min(),
        "highest_price": by_product["price"].max(), "stock_known_share": known, "unseen_share": _unseen_share(stocked),
    })  # fmt: skip
    rows = rows.merge(found, left_on="product_id", right_index=True, how="left")
    nothing = {"weeks": 0, "price_changes": 0, "units": 0.0, "unseen_share": 0.0}
    return rows.fillna(nothing).astype({"weeks": int, "price_changes": int})


def _unseen_share(stocked: pd.DataFrame) -> pd.Series:
    """Of each product's weeks in stock, in order: the share in a run without a sale before a sale at another price."""
    product = stocked["product_id"]
    is_sold = stocked["units"] > 0
    run = is_sold.groupby(product).cumsum() - is_sold  # weeks without a sale and the sale that ends them
    ends = is_sold & ((stocked["price"] / stocked.groupby("product_id")["price"].shift() - 1).abs() > 1e-6)
    is_unseen = ends.groupby([product, run]).transform("any") & ~is_sold
    return is_unseen.groupby(product).mean()


def _mean_by_units(products: pd.DataFrame, category: np.ndarray, groups: int) -> np.ndarray:
    """Mean unseen_share of each category (groups,), products weighted by units; 0 where nothing was sold."""
    units = products["units"].to_numpy()
    total = np.bincount(category, units, groups)
    return np.bincount(category, units * products["unseen_share"].to_numpy(), groups) / np.where(total > 0, total, 1)


def _require_weeks_without_sales(panels: list[_Panel], fits: list[_Fit]) -> None:
    """Raises ValueError where weeks without a sale must have been there, and no row is one."""
    rows = [(panel.exposure > 0, panel.units, fit.expected) for panel, fit in zip(panels, fits, strict=True)]
    expected = sum(np.exp(-mean[seen]).sum() for seen, _, mean in rows)
    if expected > 20 and not any((units[seen] == 0).any() for seen, units, _ in rows):
        raise ValueError(f"units are never 0, where about {expected:.0f} weeks without a sale are expected: add them")


def _follows_demand(panels: list[_Panel], fits: list[_Fit]) -> tuple[float, float]:
    """Correlation of a cluster's price with the excess of sales in the one before it, and its one-sided p.

    The variance is that of the products' sums, so what happens within a product may be correlated at will.
    """
    sums, squares = [], np.zeros(2)
    for panel, fit in zip(panels, fits, strict=True):
        for row, clusters in enumerate(panel.clusters):
            seen = panel.exposure[row] > 0
            numbers, place = np.unique(clusters[seen], return_inverse=True)
            if len(numbers) < 3:
                continue
            expected = np.bincount(place, fit.expected[row][seen])
            excess = (np.bincount(place, panel.units[row][seen]) - expected) / np.sqrt(np.maximum(expected, 1e-9))
            price = np.bincount(place, panel.log_price[row][seen]) / np.bincount(place)
            later = price[1:] - price.mean()
            sums.append(excess[:-1] @ later)
            squares += (excess[:-1] @ excess[:-1], later @ later)
    spread = np.linalg.norm(sums)
    if not spread > 0:
        return np.nan, np.nan
    return float(np.sum(sums) / np.sqrt(squares.prod())), float(stats.norm.sf(np.sum(sums) / spread))


def with_interval(frame: pd.DataFrame, mean: np.ndarray, variance: np.ndarray) -> pd.DataFrame:
    error = np.sqrt(variance)
    return frame.assign(
        elasticity=mean, standard_error=error, elasticity_low=mean - Z * error, elasticity_high=mean + Z * error
    )


def fit_elasticities(sales: pd.DataFrame) -> Elasticities:
    """Elasticity of each product and category, with 95% intervals; see the module for the model.

    sales: one row per product and week, weeks without a sale included: product_id, category (one per product), week
    (anything that sorts: a date or a number), price (money, positive), units (not negative), stocked_share (0 to 1, the
    share of the week's days in stock; null: unknown, counts as in stock). Other columns are ignored; weeks before a
    product's launch may be absent. No rows give empty tables.
    Raises ValueError that names the column for null keys, a product and week or a product's category given twice,
    numbers out of range, and for sales from which the weeks without a sale have been dropped. A category whose demand
    cannot be fitted has the others' elasticity; where the shrinkage does not come to rest, no product counts as fitted.
    """
    sales = _checked(sales)
    products = _product_rows(sales)
    panels = _panels(sales, products)
    category, names = pd.factorize(products["category"], sort=True)
    n = len(products)
    prior_mean, prior_variance, dispersion = np.full(n, START[0]), START[1], np.ones(n)
    fits: list[_Fit] = []
    elasticity, is_at_rest = prior_mean, True
    for _ in range(30):
        estimates, variances = np.full(n, np.nan), np.full(n, np.inf)
        priors = [(prior_mean[own], dispersion[own] / prior_variance) for own in (panel.products for panel in panels)]
        starts: list[_Fit | None] = [*fits] or [None] * len(panels)
        tried = [_fit_panel(panel, *prior, start) for panel, prior, start in zip(panels, priors, starts, strict=True)]
        kept = [place for place, fit in enumerate(tried) if fit is not None]
        panels, priors = [panels[place] for place in kept], [priors[place] for place in kept]
        fits = [fit for fit in tried if fit is not None]
        scores = [_scores(panel, fit, *prior) for panel, fit, prior in zip(panels, fits, priors, strict=True)]
        counts, shocks = _dispersion(scores) if scores else (1.0, 0.0)
        shared = np.zeros(len(names))
        for panel, found in zip(panels, scores, strict=True):
            own = panel.products
            dispersion[own] = counts + shocks * found.shock
            estimates[own], variances[own] = found.estimate, dispersion[own] * found.variance
            common = np.sqrt(dispersion[own])[:, None] * found.common
            shared += _shared_variance(1 / (variances[own] + prior_variance), common, category[own], len(names))
        shrinkage = _shrink(estimates, variances, category, shared)
        before, elasticity = elasticity, shrinkage.products[0]
        if np.isnan(elasticity).any() or np.abs(elasticity - before).max(initial=0) < 1e-3:
            break
        prior_mean = shrinkage.categories[0][category]
        prior_variance = max(shrinkage.spreads[0], 0.05) ** 2
    else:
        is_at_rest = False
    is_fitted = np.zeros(n, bool)
    for panel in panels:
        is_fitted[panel.products] = is_at_rest
    is_fitted |= (products["units"] == 0).to_numpy()
    _require_weeks_without_sales(panels, fits)
    mean, variance, weight = shrinkage.products
    units, units_error = np.zeros(n), np.full(n, np.nan)
    for panel, fit in zip(panels, fits, strict=True):
        own, sums, totals = panel.products, _cluster_sums(panel, fit.expected), fit.expected.sum(axis=1)
        distance = (fit.expected * panel.log_price).sum(axis=1) / totals  # of the mean price from the last one
        units[own] = np.exp(fit.level) * fit.week[-RECENT_WEEKS:].mean()
        noise = (counts * totals + shocks * (sums**2).sum(axis=1)) / totals**2
        units_error[own] = np.sqrt(noise + distance**2 * variance[own])
    products = with_interval(products, mean, variance).assign(
        own_elasticity=estimates, own_standard_error=np.where(np.isfinite(variances), np.sqrt(variances), np.nan),
        own_weight=weight, weekly_units=units, weekly_units_error=units_error, is_fitted=is_fitted,
    )  # fmt: skip
    categories = with_interval(pd.DataFrame({
        "category": names, "products": np.bincount(category, minlength=len(names)),
        "informative_products": np.bincount(category, np.isfinite(variances), len(names)).astype(int),
        "unseen_share": _mean_by_units(products, category, len(names)),
    }), *shrinkage.categories[:2])  # fmt: skip
    spreads = pd.DataFrame([shrinkage.spreads], columns=["product_spread", "category_spread"])
    overall = with_interval(spreads, *shrinkage.overall[:, None])
    columns = ["product_id", "category", "elasticity", "standard_error", "elasticity_low", "elasticity_high",
               "own_elasticity", "own_standard_error", "own_weight", "weeks", "price_changes", "units", "lowest_price",
               "highest_price", "last_price", "weekly_units", "weekly_units_error", "stock_known_share", "unseen_share",
               "is_fitted"]  # fmt: skip
    spread_over = float(np.median(dispersion)) if n else np.nan
    return Elasticities(products[columns], categories, overall, spread_over, _follows_demand(panels, fits))
