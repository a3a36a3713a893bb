"""Customer lifetime value: will a customer buy again, how often, and what is that worth today?

Two models, fitted by maximum likelihood, share the work.

*BG/NBD* says how often. While a customer is alive, he buys at random at his own rate, and after each purchase he leaves
for good with his own probability p. Rates are gamma distributed over customers (shape ``r``, and ``alpha`` in units of
time), p is beta distributed (``a``, ``b``). Three numbers are known of a customer, times in any unit:

- ``frequency``: repeat purchases, that is distinct days with a purchase, minus 1;
- ``recency``: from the first purchase to the last, 0 without a repeat purchase (*not* the days since the last one);
- ``age``: from the first purchase to today.

*Gamma-Gamma* says how much. The value of one purchase is gamma distributed around the customer's own mean (shape
``p``), and the scale of it varies over customers (``q``, and ``gamma`` in money). It takes value and frequency for
unrelated, and draws the average of few purchases towards that of all customers.

The likelihood of BG/NBD depends on a customer through those three numbers alone, so it is computed once per distinct
row. Maxima are sought over the logarithms of the parameters with the exact gradient, in units that make the data's own
scale 1. Standard errors come from the observed information. Expected purchases are usually written with Gauss's
hypergeometric function: a difference of nearly equal numbers over a - 1, which is 0 / 0 at a = 1, has a pole at
a + b = 1 and overflows for large frequencies. Here they are what that expression stands for, the mean of
``(1 - (1 + p z)^-(r + x)) / p`` over a beta distribution, by Gauss-Jacobi quadrature: smooth, and nothing cancels.

Neither model knows seasons: what is foreseen from summer misses Christmas. `models.seasons` has BG/NBD with them.

Sources: Fader, Hardie and Lee, "'Counting your customers' the easy way", Marketing Science 24 (2005), and "RFM and CLV:
using iso-value curves for customer base analysis", J. Marketing Research 42 (2005); Fader and Hardie, "Computing
P(alive) using the BG/NBD model" (2008) and "The gamma-gamma model of monetary value" (2013); Golub and Welsch,
"Calculation of Gauss quadrature rules", Math. Comp. 23 (1969).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import linalg, optimize, special
from sklearn.exceptions import NotFittedError

from precision_marketing.models.inputs import require_columns
from precision_marketing.models.training import Metric

if TYPE_CHECKING:
    from precision_marketing.models.seasons import SeasonalBetaGeoNBD

SUMMARY_COLUMNS = ("frequency", "recency_days", "age_days", "average_order_value")
DAYS_PER_YEAR = 365
RUN_RATE_DAYS = 90
LOG_LIMIT = 8.0
"""Shapes, and means in units of the data's own, are sought between exp(-8) and exp(8): 1/3000 and 3000."""
GRADIENT_TOLERANCE = 1e-4
BLOCK_ROWS = 20_000
Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]


# Maximum likelihood ----------------------------------------------------------------------------------


def _minimise(loss: Loss, start: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The minimum (m,) of ``loss``, which gives value and gradient, and its Hessian (m, m) there.

    The search goes over u, each within ``LOG_LIMIT``, with parameters basis @ u, (m, m) @ (m,): over means instead of
    scales, for the likelihood of nearly equal customers is a narrow valley along which shape and scale grow together.
    Rows and columns of the Hessian are NaN for parameters with a part at the limit. Raises RuntimeError if the search
    does not converge.
    """

    def turned(u: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = loss(basis @ u)
        return value, basis.T @ gradient

    bounds = [(-LOG_LIMIT, LOG_LIMIT)] * len(start)
    options = {"maxiter": 1_000, "ftol": 1e-15, "gtol": 1e-9}
    best = optimize.minimize(turned, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    limited = np.abs(best.x) >= LOG_LIMIT
    slope = np.abs(best.jac[~limited]).max(initial=0)
    if not slope < GRADIENT_TOLERANCE:
        raise RuntimeError(f"no maximum of the likelihood was found (slope {slope:.1e}): {best.message}")
    found = basis @ best.x
    free = np.flatnonzero(np.abs(basis) @ limited == 0)
    hessian = np.full(basis.shape, np.nan)
    for position in free:
        shift = 1e-4 * np.eye(len(found))[position]
        hessian[position, free] = ((loss(found + shift)[1] - loss(found - shift)[1]) / 2e-4)[free]
    return found, (hessian + hessian.T) / 2


class _MaximumLikelihood:
    """What both models share: parameters by name, their standard errors, and the way to a dict and back."""

    names: tuple[str, ...]
    log_likelihood_: float | None
    customers_: float | None
    start: tuple[float, ...]
    basis: tuple[tuple[float, ...], ...]
    """Where the search begins, and its directions (see ``_minimise``)."""

    def _estimate(self, loss: Loss, scale: Sequence[float], customers: float) -> None:
        """Set parameters and standard errors from the mean loss over ``customers`` in log parameters of unit scale."""
        logs, hessian = _minimise(loss, np.array(self.start), np.array(self.basis))
        parameters = np.exp(logs) * scale
        errors = np.full(len(logs), np.nan)
        free = np.flatnonzero(np.isfinite(np.diag(hessian)))
        information = hessian[np.ix_(free, free)] * customers
        if len(free) and np.linalg.eigvalsh(information)[0] > 0:
            errors[free] = parameters[free] * np.sqrt(np.diag(np.linalg.inv(information)))
        self._set(parameters)
        self.standard_errors_ = dict(zip(self.names, errors.tolist(), strict=True))
        self.customers_ = float(customers)

    def _set(self, parameters: Iterable[float]) -> None:
        for name, value in zip(self.names, parameters, strict=True):
            setattr(self, name, float(value))

    def _parameters(self) -> tuple[float, ...]:
        if not hasattr(self, self.names[0]):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet")
        return tuple(getattr(self, name) for name in self.names)

    def to_dict(self) -> dict[str, Any]:
        """Parameters, standard errors (None where unknown), log-likelihood and number of customers, fit for JSON."""
        errors = {name: None if np.isnan(error) else error for name, error in self.standard_errors_.items()}
        return {
            **dict(zip(self.names, self._parameters(), strict=True)),
            "standard_errors": errors,
            "log_likelihood": self.log_likelihood_,
            "customers": self.customers_,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The model with these parameters, ready to predict; all but the parameters may be absent.

        Raises ValueError for a parameter that is absent or not positive.
        """
        for name in cls.names:
            if not values.get(name, 0) > 0:
                raise ValueError(f"{name} must be a positive number, not {values.get(name)}")
        model = cls()
        model._set([values[name] for name in cls.names])
        errors = values.get("standard_errors") or {}
        model.standard_errors_ = {n: float("nan") if errors.get(n) is None else errors[n] for n in cls.names}
        model.log_likelihood_ = values.get("log_likelihood")
        model.customers_ = values.get("customers")
        return model


def _columns(**values: ArrayLike) -> list[np.ndarray]:
    """The named values as (n,) floats of one length. Raises ValueError for what is missing, negative or ragged."""
    arrays = [np.atleast_1d(np.asarray(value, dtype=float)) for value in values.values()]
    if len({array.shape for array in arrays}) != 1 or arrays[0].ndim != 1:
        raise ValueError(f"{', '.join(values)} must be of one length")
    for name, array in zip(values, arrays, strict=True):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has missing or infinite values")
        if (array < 0).any():
            raise ValueError(f"{name} has negative values")
    return arrays


def _distinct(**columns: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """The distinct rows of the columns, sorted, and for each row (n,) the number of its distinct row."""
    groups = pd.DataFrame(columns).groupby(list(columns), sort=True)
    return groups.size().index.to_frame(index=False), groups.ngroup().to_numpy()


# How often -------------------------------------------------------------------------------------------


def _bgnbd_rows(frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> list[np.ndarray]:
    """Frequency, recency and age, checked: what no customer can have is a ValueError."""
    x, recency, age = _columns(frequency=frequency, recency=recency, age=age)
    if (x != np.floor(x)).any():
        raise ValueError("frequency must be whole numbers")
    if (recency > age).any():
        raise ValueError("recency exceeds age: the last purchase lies after the end")
    if ((recency > 0) != (x > 0)).any():
        raise ValueError(
            "recency, the time from the first to the last purchase, must be 0 where frequency is 0, only there"
        )
    return [x, recency, age]


def _bgnbd_loss(rows: pd.DataFrame, weights: np.ndarray) -> Loss:
    """Mean negative log-likelihood of BG/NBD and its gradient in (log r, log alpha, log a, log b).

    rows: distinct frequency, recency, age; weights: (n,) share of the customers. Gamma functions are taken once per
    distinct frequency.
    """
    x, recency, age = (rows[name].to_numpy() for name in ("frequency", "recency", "age"))
    level, code = np.unique(x, return_inverse=True)
    level_weights = np.bincount(code, weights)

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        r, alpha, a, b = np.exp(logs)
        log_age, log_recency = np.log(alpha + age), np.log(alpha + recency)
        failures = b + np.maximum(level, 1) - 1
        log_odds = np.where(level > 0, np.log(a / failures), -np.inf)[code] + (r + x) * (log_age - log_recency)
        gone = special.expit(log_odds)
        value = weights @ (r * logs[1] - (r + x) * log_age + np.logaddexp(0, log_odds))
        value += level_weights @ (
            special.gammaln(r + level) - special.gammaln(r)
            + special.betaln(a, b + level) - special.betaln(a, b)
        )  # fmt: skip

        alive_weights, gone_weights = weights * (1 - gone), weights * gone
        gone_levels = np.bincount(code, gone_weights, minlength=len(level))
        d_a = special.digamma(a + b) - special.digamma(a + b + level)
        d_b = d_a + special.digamma(b + level) - special.digamma(b)
        gradient = np.array([
            level_weights @ (special.digamma(r + level) - special.digamma(r)) + logs[1]
            - alive_weights @ log_age - gone_weights @ log_recency,
            r / alpha - alive_weights @ ((r + x) / (alpha + age)) - gone_weights @ ((r + x) / (alpha + recency)),
            level_weights @ d_a + gone_levels.sum() / a,
            level_weights @ d_b - gone_levels @ (1 / failures),
        ])  # fmt: skip
        return -float(value), -gradient * np.exp(logs)

    return loss


def _beta_nodes(a: float, b: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights (count,) of the Gauss rule for the mean over a beta(a, b) distribution (Golub and Welsch).

    SciPy's ``roots_jacobi`` has the same nodes, but is NaN for large a and b, where the weights under- or overflow.
    """
    k = np.arange(1, count)
    total = 2 * k + a + b - 2
    centre = np.empty(count)
    centre[0] = (a - b) / (a + b)
    centre[1:] = (a - b) * (a + b - 2) / (total * (total + 2))
    squared = np.empty(count - 1)
    squared[:1] = 4 * a * b / ((a + b) ** 2 * (a + b + 1))
    k, total = k[1:], total[1:]
    squared[1:] = 4 * k * (k + a - 1) * (k + b - 1) * (k + a + b - 2) / (total**2 * (total + 1) * (total - 1))
    nodes, vectors = linalg.eigh_tridiagonal(centre, np.sqrt(squared))
    # A node may come out as 0 where a is tiny; the smallest number keeps quotients by it defined.
    return np.maximum((1 + nodes) / 2, np.finfo(float).tiny), vectors[0] ** 2


class BetaGeoNBD(_MaximumLikelihood):
    """BG/NBD: purchases of customers who leave unseen.

    After ``fit``: ``r``, ``alpha`` (in the unit of age), ``a``, ``b``; ``standard_errors_`` by name, NaN where the data
    do not determine a parameter (if nobody ever leaves, say); ``log_likelihood_``; ``customers_``.
    """

    names = ("r", "alpha", "a", "b")
    start = (0.0, 0.0, 0.0, 1.0)
    basis = ((1, 0, 0, 0), (1, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))  # alpha = r times the mean time between purchases

    def fit(
        self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, weights: ArrayLike | None = None
    ) -> BetaGeoNBD:
        """Fit to n customers; recency and age in one unit of time. weights: (n,) customers that each row stands for.

        Raises ValueError without customers or repeat purchases and for values no customer can have, RuntimeError if
        the likelihood has no maximum that can be found.
        """
        x, recency, age = _bgnbd_rows(frequency, recency, age)
        weights = np.ones(len(x)) if weights is None else _columns(frequency=x, weights=weights)[1]
        customers, purchases = weights.sum(), weights @ x
        if not customers > 0:
            raise ValueError("there are no customers to fit to")
        if not purchases > 0:
            raise ValueError("no customer bought again: neither rates nor how customers leave can be estimated")
        scale = weights @ age / purchases
        rows, code = _distinct(frequency=x, recency=recency / scale, age=age / scale)
        loss = _bgnbd_loss(rows, np.bincount(code, weights) / customers)
        self._estimate(loss, (1, scale, 1, 1), customers)
        self.log_likelihood_ = float(self.log_likelihood(x, recency, age) @ weights)
        return self

    def _log_odds_gone(self, x: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
        """Logarithm of the odds that a customer has left; minus infinity without a repeat purchase."""
        r, alpha, a, b = self._parameters()
        growth = (r + x) * (np.log(alpha + age) - np.log(alpha + recency))
        return np.where(x > 0, np.log(a / (b + np.maximum(x, 1) - 1)) + growth, -np.inf)

    def log_likelihood(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> np.ndarray:
        """(n,) log-likelihood of each of n customers."""
        x, recency, age = _bgnbd_rows(frequency, recency, age)
        r, alpha, a, b = self._parameters()
        rate = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + age)
        stay = special.betaln(a, b + x) - special.betaln(a, b)
        return rate + stay + np.logaddexp(0, self._log_odds_gone(x, recency, age))

    def probability_alive(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> np.ndarray:
        """(n,) chance, 0 to 1, that a customer will ever buy again; 1 without a repeat purchase, as the model has it.

        Raises ValueError for values no customer can have.
        """
        return special.expit(-self._log_odds_gone(*_bgnbd_rows(frequency, recency, age)))

    def expected_purchases(
        self, horizon: float, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> np.ndarray:
        """(n,) purchases expected of a customer in the next ``horizon`` units of time, given all that is known of him.

        Raises ValueError for values no customer can have and a negative horizon.
        """
        x, recency, age = _bgnbd_rows(frequency, recency, age)
        return self._combined_purchases(x, recency, age, np.array([horizon]), np.ones(1))

    def expected_new_customer_purchases(self, horizon: ArrayLike) -> np.ndarray | float:
        """Repeat purchases expected of a customer from his first purchase on for ``horizon`` units of time.

        horizon: a number or an array, the result alike. Raises ValueError for a negative horizon.
        """
        (times,) = _columns(horizon=np.ravel(horizon))
        expected = [self._purchases_alive(np.zeros(1), np.zeros(1), np.array([t]), np.ones(1))[0] for t in times]
        return np.reshape(expected, np.shape(horizon))[()]

    def _combined_purchases(
        self, x: np.ndarray, recency: np.ndarray, age: np.ndarray, horizons: np.ndarray, factors: np.ndarray
    ) -> np.ndarray:
        """(n,) the sum over horizons (h,) of factors (h,) times the purchases expected until then."""
        if not (np.isfinite(horizons) & (horizons >= 0)).all():
            raise ValueError("horizon must be a number that is not negative")
        rows, code = _distinct(frequency=x, age=age)
        alive = self._purchases_alive(rows["frequency"].to_numpy(), rows["age"].to_numpy(), horizons, factors)
        return special.expit(-self._log_odds_gone(x, recency, age)) * alive[code]

    def _purchases_alive(self, x: np.ndarray, age: np.ndarray, horizons: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """As ``_combined_purchases``, for customers known to be alive, sorted by frequency.

        With z = horizon / (alpha + age) it is the mean of (1 - (1 + p z)^-(r + x)) / p over p from beta(a, b + x). The
        function bends at p = -1 / z, outside the range of p, but the closer the larger z: so more nodes for larger z.
        """
        r, alpha, a, b = self._parameters()
        expected = np.zeros(len(x))
        levels, starts = np.unique(x, return_index=True)
        for level, rows in zip(levels, np.split(np.arange(len(x)), starts[1:]), strict=False):
            largest = horizons.max() / (alpha + age[rows].min())
            p, weights = _beta_nodes(a, b + level, int(min(24 + 8 * np.sqrt(largest), 400)))
            for block in np.array_split(rows, 1 + len(rows) // BLOCK_ROWS):
                for horizon, factor in zip(horizons, factors, strict=True):
                    z = horizon / (alpha + age[block])
                    values = -np.expm1(-(r + level) * np.log1p(np.outer(z, p)))
                    expected[block] += factor * (values @ (weights / p))
        return expected


# How much --------------------------------------------------------------------------------------------


def _gammagamma_loss(x: np.ndarray, value: np.ndarray, weights: np.ndarray) -> Loss:
    """Mean negative log-likelihood of Gamma-Gamma, and its gradient in (log p, log q, log gamma).

    x: (n,) purchases of which value is the average; weights: (n,) share of the customers. Gamma functions are taken
    once per distinct x.
    """
    level, code = np.unique(x, return_inverse=True)
    level_weights = np.bincount(code, weights)
    total = x * value
    level_logs = np.bincount(code, weights * np.log(total), minlength=len(level))
    log_value = weights @ np.log(value)

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        p, q, gamma = np.exp(logs)
        shape = p * level
        log_rate = np.log(gamma + total)
        level_rates = np.bincount(code, weights * log_rate, minlength=len(level))
        normaliser = special.gammaln(shape + q) - special.gammaln(shape) - special.gammaln(q) + q * logs[2]
        likelihood = level_weights @ normaliser + shape @ level_logs - log_value - (shape + q) @ level_rates
        digamma = special.digamma(shape + q)
        gradient = np.array([
            level @ (level_weights * (digamma - special.digamma(shape)) + level_logs - level_rates),
            level_weights @ (digamma - special.digamma(q)) + logs[2] - level_rates.sum(),
            q / gamma - weights @ ((p * x + q) / (gamma + total)),
        ])  # fmt: skip
        return -float(likelihood), -gradient * np.exp(logs)

    return loss


class GammaGamma(_MaximumLikelihood):
    """Gamma-Gamma: the mean value of a customer's purchases, from the few that were seen.

    After ``fit``: ``p``, ``q``, ``gamma`` (in money; v in some texts); ``standard_errors_`` by name, NaN where the data
    do not determine a parameter; ``log_likelihood_``; ``customers_``, those with repeat purchases.
    """

    p: float
    q: float
    gamma: float
    names = ("p", "q", "gamma")
    start = (1.0, 1.0, 0.0)
    basis = ((1, 0, 0), (0, 1, 0), (-1, 1, 1))  # gamma = q / p times the mean value

    def fit(self, frequency: ArrayLike, monetary_value: ArrayLike, weights: ArrayLike | None = None) -> GammaGamma:
        """Fit to those of n customers who bought again.

        monetary_value: (n,) average value of the ``frequency`` repeat purchases, ignored where there are none.
        weights: (n,) customers that each row stands for. Raises ValueError without repeat purchases, for a value that
        is not positive, and if the mean of the values fitted is infinite (q up to 1); RuntimeError if the likelihood
        has no maximum that can be found.
        """
        x, value = _gammagamma_rows(frequency, monetary_value)
        weights = np.ones(len(x)) if weights is None else _columns(frequency=x, weights=weights)[1]
        kept = (x > 0) & (weights > 0)
        x, value, weights = x[kept], value[kept], weights[kept]
        if not len(x):
            raise ValueError("no customer bought again: the value of purchases cannot be estimated")
        if not (value > 0).all():
            raise ValueError(f"monetary_value must be positive for repeat buyers; {(value <= 0).sum()} are not")
        customers, scale = weights.sum(), np.average(value, weights=weights)
        loss = _gammagamma_loss(x, value / scale, weights / customers)
        self._estimate(loss, (1, 1, scale), customers)
        if self.q <= 1:
            raise ValueError(f"the values are so unequal that their mean is infinite in the model (q {self.q:.3g})")
        logs = np.log([self.p, self.q, self.gamma / scale])
        self.log_likelihood_ = float(-customers * (loss(logs)[0] + np.log(scale)))
        return self

    def expected_average_value(self, frequency: ArrayLike, monetary_value: ArrayLike) -> np.ndarray:
        """(n,) mean value of a customer's future purchases, given the average of those seen.

        monetary_value is ignored where frequency is 0; there the mean of all customers is expected.
        Raises ValueError for missing or negative values, and if the mean of all customers is infinite.
        """
        x, value = _gammagamma_rows(frequency, monetary_value)
        p, q, gamma = self._parameters()
        if q <= 1:
            raise ValueError(f"the mean value of purchases is infinite for q {q:.3g}")
        return p * (gamma + x * value) / (p * x + q - 1)


def _gammagamma_rows(frequency: ArrayLike, monetary_value: ArrayLike) -> list[np.ndarray]:
    """Frequency and value, checked; the value is set to 0 where there is no purchase of which it could be."""
    (x,) = _columns(frequency=frequency)
    value = np.atleast_1d(np.asarray(monetary_value, dtype=float))
    if value.shape == x.shape:
        value = np.where(x > 0, value, 0.0)
    return _columns(frequency=x, monetary_value=value)


class ShrunkenMean:
    """The value of a purchase where Gamma-Gamma has no mean: the customer's own average and that of all, one more vote.

    For values so unequal, as in wholesale, that the gamma distribution of their scale has no finite mean.
    """

    def __init__(self, mean: float = np.nan, reason: str = "") -> None:
        """reason: why it stands in for Gamma-Gamma."""
        self.mean, self.reason = mean, reason

    def fit(self, frequency: ArrayLike, monetary_value: ArrayLike, weights: ArrayLike | None = None) -> Self:
        """As ``GammaGamma.fit``. Raises ValueError without repeat purchases."""
        x, value = _gammagamma_rows(frequency, monetary_value)
        weights = x if weights is None else x * _columns(frequency=x, weights=weights)[1]
        if not weights.sum() > 0:
            raise ValueError("no customer bought again: the value of purchases cannot be estimated")
        self.mean = float(np.average(value, weights=weights))
        return self

    def expected_average_value(self, frequency: ArrayLike, monetary_value: ArrayLike) -> np.ndarray:
        """(n,) as ``GammaGamma.expected_average_value``."""
        x, value = _gammagamma_rows(frequency, monetary_value)
        return (self.mean + x * value) / (1 + x)

    def to_dict(self) -> dict[str, float | str]:
        """What ``ShrunkenMean`` takes."""
        return {"mean": self.mean, "reason": self.reason}


class MeanRate:
    """The naive baseline of BG/NBD: everybody goes on buying at his own rate so far, for ever."""

    def expected_purchases(
        self, days: ArrayLike, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> np.ndarray:
        """(n,) purchases in the next ``days``; none of who bought once only."""
        x, _, age = _bgnbd_rows(frequency, recency, age)
        return np.where(age > 0, x / np.where(age > 0, age, 1), 0) * np.asarray(days, dtype=float)

    def _combined_purchases(
        self, x: np.ndarray, recency: np.ndarray, age: np.ndarray, days: np.ndarray, factors: np.ndarray
    ) -> np.ndarray:
        return self.expected_purchases(1, x, recency, age) * (days @ factors)


# How often times how much ----------------------------------------------------------------------------


class LifetimeModels(NamedTuple):
    """The two models that together value a customer, time in days."""

    bgnbd: BetaGeoNBD | SeasonalBetaGeoNBD | MeanRate
    gammagamma: GammaGamma | ShrunkenMean


def purchase_summary(purchases: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    """What the models need to know of each customer, from single purchases.

    purchases: customer_id, purchase_date (days), value; several rows of a day are one purchase, days after ``until``
    are left out. Returns ``SUMMARY_COLUMNS``, index customer_id, sorted; average_order_value is the mean of the repeat
    purchases, without the first, NaN if there are none. The warehouse does it in SQL; this is for purchases at hand.
    """
    seen = purchases[purchases["purchase_date"] <= until]
    days = seen.groupby(["customer_id", "purchase_date"], sort=True)["value"].sum().reset_index()
    customer = days.groupby("customer_id")
    first, last = customer["purchase_date"].min(), customer["purchase_date"].max()
    repeated = days[days["purchase_date"] > days["customer_id"].map(first)]
    return pd.DataFrame(
        {
            "frequency": customer.size() - 1,
            "recency_days": (last - first).dt.days,
            "age_days": (until - first).dt.days,
            "average_order_value": repeated.groupby("customer_id")["value"].mean().reindex(first.index),
        }
    )


def _summary(frame: pd.DataFrame, columns: Sequence[str] = SUMMARY_COLUMNS) -> list[np.ndarray]:
    """The columns as floats. Raises ValueError for absent ones."""
    require_columns(frame, columns)
    return [frame[name].to_numpy(dtype=float, na_value=np.nan) for name in columns]


def fit_summary(frame: pd.DataFrame) -> LifetimeModels:
    """Both models, fitted to one row per customer with ``SUMMARY_COLUMNS`` (see ``purchase_summary``).

    Repeat buyers whose average is 0 (gifts, or refunds of everything) are left out of Gamma-Gamma, in which nothing
    is free; BG/NBD knows no values and has them. Where Gamma-Gamma finds no mean, ``ShrunkenMean`` stands in and says
    why; where BG/NBD finds no maximum, ``MeanRate``. Raises ValueError where nobody bought again.
    """
    x, recency, age, value = _summary(frame)
    x, recency, age = _bgnbd_rows(x, recency, age)
    if not (x > 0).any():
        raise ValueError("no customer bought again: neither rate nor value can be estimated")
    try:
        bgnbd: BetaGeoNBD | MeanRate = BetaGeoNBD().fit(x, recency, age)
    except (ValueError, RuntimeError):
        bgnbd = MeanRate()
    try:
        gammagamma: GammaGamma | ShrunkenMean = GammaGamma().fit(x, value, weights=value != 0)
    except (ValueError, RuntimeError) as error:
        gammagamma = ShrunkenMean(reason=str(error)).fit(x, value)
    return LifetimeModels(bgnbd, gammagamma)


def lifetime_value(
    bgnbd: BetaGeoNBD | SeasonalBetaGeoNBD | MeanRate,
    gammagamma: GammaGamma | ShrunkenMean,
    frame: pd.DataFrame,
    horizon_days: float = DAYS_PER_YEAR,
    annual_discount_rate: float = 0.1,
    step_days: float = 30,
) -> np.ndarray:
    """(n,) present value of the purchases expected in the next ``horizon_days``, in the money of average_order_value.

    frame: n rows with ``SUMMARY_COLUMNS``. The purchases of each ``step_days`` (the last step may be shorter) are
    discounted from its middle, at a yearly rate. It is sales, not profit, and knows no costs of keeping the customer.
    Raises ValueError for values no customer can have, a rate of -1 or less and steps that are not positive.
    """
    if not annual_discount_rate > -1:
        raise ValueError(f"annual_discount_rate must exceed -1, not {annual_discount_rate}")
    if not (step_days > 0 and horizon_days >= 0):
        raise ValueError("step_days must be positive and horizon_days not negative")
    x, recency, age, value = _summary(frame)
    x, recency, age = _bgnbd_rows(x, recency, age)
    ends = np.append(np.arange(step_days, horizon_days, step_days), horizon_days)
    middles = (np.append(0, ends[:-1]) + ends) / 2
    discounts = (1 + annual_discount_rate) ** (-middles / DAYS_PER_YEAR)
    # Summed by parts: discounts times the growth from step to step.
    purchases = bgnbd._combined_purchases(x, recency, age, ends, discounts - np.append(discounts[1:], 0))
    return purchases * gammagamma.expected_average_value(x, value)


def score(frame: pd.DataFrame, models: LifetimeModels, horizons: Sequence[int] = (90,)) -> pd.DataFrame:
    """Every customer's prospects.

    frame: n rows with ``SUMMARY_COLUMNS``; horizons in days. Returns n rows with the frame's index: probability_alive
    (NaN by ``MeanRate``), expected_purchases_<horizon>d per horizon, expected_order_value (of one purchase) and clv_12m
    (``lifetime_value`` of a year, discounted by 10%). No rows give none. Raises ValueError for absent columns and
    values no customer can have.
    """
    x, recency, age, value = _summary(frame)
    bgnbd, gammagamma = models
    alive = np.full(len(x), np.nan) if isinstance(bgnbd, MeanRate) else bgnbd.probability_alive(x, recency, age)
    columns = {"probability_alive": alive}
    for horizon in horizons:
        columns[f"expected_purchases_{horizon}d"] = bgnbd.expected_purchases(horizon, x, recency, age)
    columns["expected_order_value"] = gammagamma.expected_average_value(x, value)
    columns["clv_12m"] = lifetime_value(bgnbd, gammagamma, frame)
    return pd.DataFrame(columns, index=frame.index)


# How good --------------------------------------------------------------------------------------------


def holdout_metrics(
    bgnbd: BetaGeoNBD | SeasonalBetaGeoNBD,
    frame: pd.DataFrame,
    purchases: ArrayLike,
    horizon_days: float,
    resamples: int = 500,
    random_state: int = 0,
    rivals: Mapping[str, BetaGeoNBD] | None = None,
) -> list[Metric]:
    """How well purchases after the data were foreseen, per customer, beside two naive forecasts and other models.

    frame: n rows with frequency, recency_days, age_days, as known when ``horizon_days`` began; purchases: (n,) made in
    them; rivals: other models by name. Naive are the customer's *mean rate*, frequency / age, and his *run rate*,
    (frequency + 1) / age, or 90 days if that is more, which is what ``clv_12m_simple`` goes by.

    Returns ``mae`` and ``rmse`` in purchases, baseline the better of the naive ones; of both, ``…_reduction_mean_rate``
    and ``…_reduction_run_rate``, the part of the naive error (baseline) that the model spares, above 0 if it is better,
    and ``…_reduction_<name>`` for each rival; and ``total_ratio``, purchases expected / made, baseline the naive one
    nearer to 1. Intervals are the 2.5% and 97.5% quantiles of bootstrap samples of customers, the same for all models.
    What is not defined (nobody bought) is left out. Raises ValueError without rows.
    """
    x, recency, age = _bgnbd_rows(*_summary(frame, SUMMARY_COLUMNS[:3]))
    _, actual = _columns(frequency=x, purchases=purchases)
    if not len(x):
        raise ValueError("there are no customers to compare with")
    rows, code = _distinct(frequency=x, recency=recency, age=age, actual=actual)
    counts = np.bincount(code)
    x, recency, age, actual = (rows[name].to_numpy() for name in rows)
    rivals = rivals or {}
    forecasts = np.column_stack([
        bgnbd.expected_purchases(horizon_days, x, recency, age),
        np.where(age > 0, x / np.where(age > 0, age, 1), 0) * horizon_days,
        (x + 1) / np.maximum(age, RUN_RATE_DAYS) * horizon_days,
        *(rival.expected_purchases(horizon_days, x, recency, age) for rival in rivals.values()),
    ])  # fmt: skip
    errors = forecasts - actual[:, None]
    terms = np.column_stack([np.abs(errors), errors**2, forecasts, actual])
    rng = np.random.default_rng(random_state)
    customers = counts.sum()
    drawn = [rng.multinomial(customers, counts / customers) @ terms for _ in range(resamples)]
    means = np.array([counts @ terms, *drawn]) / customers  # the first row is all customers as they are
    absolute, squared, expected, made = np.split(means, np.arange(1, 4) * forecasts.shape[1], axis=1)
    figures = {"mae": absolute, "rmse": np.sqrt(squared)}
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = expected[:, :3] / made
        reductions = {name: 1 - values[:, :1] / values[:, 1:] for name, values in figures.items()}

    found = []

    def add(name: str, values: np.ndarray, baseline: float) -> None:
        if np.isfinite(values).all():
            low, high = np.quantile(values[1:], [0.025, 0.975])
            found.append(Metric(name, float(values[0]), float(low), float(high), float(baseline), int(customers)))

    for name, values in figures.items():
        add(name, values[:, 0], values[0, 1:3].min())
        for position, other in enumerate(("mean_rate", "run_rate", *rivals)):
            add(f"{name}_reduction_{other}", reductions[name][:, position], values[0, 1 + position])
    add("total_ratio", ratio[:, 0], ratio[0, 1 + np.abs(ratio[0, 1:] - 1).argmin()])
    return found
