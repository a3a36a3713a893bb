"""What a channel returns for what is spent on it: diminishing returns with carry-over, where the data show them.

Per channel, by week t:

    stock_t   = (1 - c) spend_t + c stock_(t-1)                                  carry-over c, geometric adstock
    revenue_t = base_t + ceiling * s(stock_t) + noise_t,   noise_t = r noise_(t-1) + independent normal errors
    s(x)      = x                                                                'line'
              = 1 - 2^(-x / half_spend)                                          'exponential'
              = x^e / (half_spend^e + x^e)                                       'hill', an S if e > 1

with a base that has a trend and, from two years on, a yearly wave. A constant weekly spend of x settles at a stock of
x, so half_spend is the weekly spend that brings half of the ceiling, and ``Curve.value`` the weekly return in the end.
Both saturations contain the line as a limit. They count as identified only if a likelihood-ratio test against the line,
corrected for trying two, says so with p <= 0.05; if not, the line is returned and "the data cannot tell". Two
years of weeks with steady spending never can: a curve is only seen where spending has been low and high.

Base, ceiling and noise are solved for in closed form (variable projection). Intervals are 95% of draws from the profile
likelihood of carry-over, autocorrelation, half_spend and exponent, by importance sampling, and for each from Student's
distribution of the ceiling. Both saturations share the draws in proportion to exp(-AIC / 2), since the data seldom say
which it is; estimates are of the better one.

A curve says what would be earned only if spending did not follow demand. Where budgets were raised when sales
were expected to rise, it overstates; spending varied on purpose, or an experiment, is the cure.

Sources: Jin, Wang, Sun, Chan and Koehler, "Bayesian methods for media mix modeling with carryover and shape effects",
Google (2017); Chan and Perry, "Challenges and opportunities in media mix modeling", Google (2017), on what weekly data
cannot tell; Golub and Pereyra, SIAM J. Numerical Analysis 10 (1973), variable projection; Burnham and Anderson,
"Model selection and multimodel inference" (2002), weights by AIC; Self and Liang, JASA 82
(1987), the test on a boundary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import signal, stats
from scipy.optimize import least_squares

from precision_marketing.models.inputs import numbers, require_columns

ALPHA = 0.05
LEAST_WEEKS = 26  # with fewer no curve is tried
LEAST_FOR_A_LINE = 10
YEAR = 365.25 / 7
DRAWS = 1_000
IDENTIFIED, UNDECIDED = "identified", "the data cannot tell"
PARAMETERS = ("ceiling", "half_spend", "exponent", "carry_over")
# Nonlinear parameters: carry-over, autocorrelation, log(half_spend / mean spend), log(exponent).
# A carry-over below 0 makes no sense, but an estimate that may err to both sides of 0 is unbiased; it is reported as 0.
LOWEST = np.array([-0.3, -0.5, np.log(0.05), np.log(0.5)])
HIGHEST = np.array([0.95, 0.95, np.log(50.0), np.log(5.0)])
SHAPES = {2: "line", 3: "exponential", 4: "hill"}  # by how many of these they have


@dataclass(frozen=True)
class Curve:
    """The return of one channel by weekly spend.

    estimate (4,) and draws (d, 4) are ``PARAMETERS``; of a line the first is the return per unit of money and the two
    in the middle are NaN. All are NaN where not even a line could be fitted. p_value: of the line against the
    saturation, NaN if none was tried. mean_spend and max_spend: per week, of what was seen.
    """

    channel: str
    shape: str
    verdict: str
    reason: str
    weeks: int
    mean_spend: float
    max_spend: float
    p_value: float
    estimate: np.ndarray
    draws: np.ndarray

    def value(self, spend: np.ndarray, draws: bool = False) -> np.ndarray:
        """The weekly return above the base at a constant weekly spend (k,): (k,), or (d, k) of the draws."""
        parameters = self.draws if draws else self.estimate[None]
        values = parameters[:, :1] * _saturation(np.asarray(spend, float)[None], *parameters.T[1:3, :, None])
        return values if draws else values[0]

    def marginal_return(self, spend: float, draws: bool = False) -> np.ndarray:
        """What one more unit of money a week returns a week at a weekly spend: a number, or (d,) of the draws."""
        step = max(spend, self.mean_spend) * 1e-3
        around = self.value(np.array([max(spend - step, 0.0), spend + step]), draws)
        return (around[..., 1] - around[..., 0]) / (spend + step - max(spend - step, 0.0))


class _Weeks(NamedTuple):
    """spend (n,), revenue (n,) with NaN where unknown, base (n, k): what explains revenue without spending."""

    spend: np.ndarray
    revenue: np.ndarray
    base: np.ndarray


class _Fit(NamedTuple):
    """free (2 to 4,): carry-over, autocorrelation and what the shape has of the others; loss: sum of squares;
    covariance of free; rows used and degrees of freedom."""

    free: np.ndarray
    loss: float
    covariance: np.ndarray
    rows: int
    degrees: int

    @property
    def shape(self) -> str:
        return SHAPES[len(self.free)]

    @property
    def aic(self) -> float:
        return self.rows * np.log(self.loss) + 2 * len(self.free)


def fit_response(weeks: pd.DataFrame, seed: int = 0) -> dict[str, Curve]:
    """The curve of each channel, in order of their names.

    weeks: one row per channel and week. week: a date, or a whole number of weeks; channel; spend: money, 0 or more;
    revenue: what the channel brought, null where unknown. A week without a row has no spend and unknown revenue. seed:
    of the draws. Each channel is fitted by itself, so revenue must be what is put down to that channel.

    Returns an empty dict for an empty frame. Raises ValueError if a column is absent, a channel or week is missing,
    comes twice or is no whole number of weeks after the first, spend is missing, negative or infinite, or revenue is
    infinite.
    """
    require_columns(weeks, ["week", "channel", "spend", "revenue"], "weeks")
    if weeks[["week", "channel"]].isna().any(axis=None):
        raise ValueError("week or channel is missing in some rows")
    frame = pd.DataFrame({"channel": weeks["channel"].astype(str), "week": _week_numbers(weeks["week"])})
    for column in ("spend", "revenue"):
        frame[column] = numbers(weeks[column])
    if (~np.isfinite(frame["spend"]) | (frame["spend"] < 0)).any():
        raise ValueError("spend is missing, infinite, negative or not a number in some rows")
    if (np.isinf(frame["revenue"]) | (frame["revenue"].isna() & weeks["revenue"].notna().to_numpy())).any():
        raise ValueError("revenue is infinite or not a number in some rows")
    if frame.duplicated(["channel", "week"]).any():
        raise ValueError("a week of a channel comes twice")
    return {str(name): _bendable_curve(str(name), own, seed) for name, own in frame.groupby("channel", sort=True)}


def response_table(curves: Mapping[str, Curve]) -> pd.DataFrame:
    """One row per channel: verdict, reason, shape, weeks, p_value, mean_spend, max_spend, parameters with intervals.

    For each of ``PARAMETERS`` and marginal_return (at mean_spend) there are three columns: the estimate, and its 95%
    interval as ..._low and ..._high; NaN where the shape has no such parameter.
    """
    names = ["channel", "verdict", "reason", "shape", "weeks", "p_value", "mean_spend", "max_spend"]
    rows = []
    for curve in curves.values():
        row = {name: getattr(curve, name) for name in names}
        values, draws = curve.estimate.copy(), curve.draws.copy()
        if curve.shape == "line":  # its first parameter is a slope
            values[0] = draws[:, 0] = np.nan
        known = [(name, values[i], draws[:, i]) for i, name in enumerate(PARAMETERS)]
        marginal = curve.marginal_return(curve.mean_spend), curve.marginal_return(curve.mean_spend, draws=True)
        for name, value, drawn in [*known, ("marginal_return", *marginal)]:
            drawn = drawn[np.isfinite(drawn)] if np.isfinite(value) else np.array([np.nan])
            low, high = np.quantile(drawn, [ALPHA / 2, 1 - ALPHA / 2])
            row |= {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}
        rows.append(row)
    intervals = [f"{name}{end}" for name in (*PARAMETERS, "marginal_return") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=[*names, *intervals])


def concave_pieces(curve: Curve, upper: float, pieces: int = 5) -> pd.DataFrame:
    """Rows for ``budget.allocate``: the curve up to a weekly spend of ``upper`` as pieces whose return falls.

    A unit is a unit of money a week. Columns channel, piece, unit_cost (1), return_per_unit, return_low, return_high
    (95%, made to fall as well), lower (0), upper (the volume of the piece), is_extrapolated (reaches beyond the largest
    weekly spend seen), is_envelope (an S-shaped curve lies below it: only its ends can be earned). The pieces join
    points of the smallest concave function above the curve; they lie where it bends. A line is one piece.

    Raises ValueError if ``upper`` is not positive and finite, pieces is below 1, or the curve has no estimate.
    """
    if not (np.isfinite(upper) and upper > 0):
        raise ValueError(f"upper must be positive and finite, not {upper}")
    if pieces < 1:
        raise ValueError(f"pieces must be 1 or more, not {pieces}")
    if np.isnan(curve.estimate[0]):
        raise ValueError(f"{curve.channel} has no curve: {curve.reason}")
    spend = np.linspace(0, upper, 513)
    hull = _upper_hull(spend, curve.value(spend))
    ends = _bends(spend[hull], curve.value(spend)[hull], 1 if curve.shape == "line" else pieces)
    volumes, values = np.diff(ends), curve.value(ends)
    slopes, drawn = np.diff(values) / volumes, np.diff(curve.value(ends, draws=True), axis=1) / volumes
    low, high = np.quantile(drawn, [ALPHA / 2, 1 - ALPHA / 2], axis=0)
    below = curve.value(spend) < np.interp(spend, ends, values) - 1e-6 * np.abs(values).max()
    return pd.DataFrame(
        {
            "channel": curve.channel,
            "piece": np.arange(1, len(volumes) + 1),
            "unit_cost": 1.0,
            "return_per_unit": np.minimum.accumulate(slopes),
            "return_low": np.minimum.accumulate(np.minimum(low, slopes)),
            "return_high": np.maximum(high, slopes),
            "lower": 0.0,
            "upper": volumes,
            "is_extrapolated": ends[1:] > curve.max_spend * (1 + 1e-9),
            "is_envelope": [below[(spend > start) & (spend < end)].any() for start, end in pairwise(ends)],
        }
    )


# Shapes ----------------------------------------------------------------------------------------------


def carried_over(spend: np.ndarray, carry_over: float) -> np.ndarray:
    """The stock (n,) of weekly spend (n,); before the first week the mean of the first eight was spent."""
    before = spend[:8].mean()
    stock, _ = signal.lfilter([1 - carry_over], [1, -carry_over], spend, zi=[carry_over * before])
    return np.maximum(stock, 0.0)


def _saturation(stock: np.ndarray, half_spend: np.ndarray | float, exponent: np.ndarray | float) -> np.ndarray:
    """s of the stock: a line without half_spend, exponential without exponent (NaN), else Hill."""
    bent = np.isfinite(half_spend)
    ratio = stock / np.where(bent, half_spend, 1.0)
    powered = ratio ** np.where(np.isfinite(exponent), exponent, 1.0)
    curved = np.where(np.isfinite(exponent), powered / (1 + powered), -np.expm1(-np.log(2) * ratio))
    return np.where(bent, curved, stock)


def _upper_hull(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The places of the points of the smallest concave function above (x, y), x rising."""
    kept: list[int] = []
    for i in range(len(x)):
        while len(kept) > 1 and np.cross([x[kept[-1]] - x[kept[-2]], y[kept[-1]] - y[kept[-2]]],
                                         [x[i] - x[kept[-2]], y[i] - y[kept[-2]]]) >= 0:  # fmt: skip
            kept.pop()
        kept.append(i)
    return np.array(kept)


def _bends(x: np.ndarray, y: np.ndarray, pieces: int) -> np.ndarray:
    """Ends of at most ``pieces`` pieces, of the x given: equal shares of the square root of the curvature, which is
    best for many pieces."""
    if len(x) - 1 <= pieces or pieces == 1:
        return x if pieces > 1 else x[[0, -1]]
    slopes = np.diff(y) / np.diff(x)
    bend = np.sqrt(np.maximum(-np.diff(slopes), 0) * (x[2:] - x[:-2]))
    share = np.concatenate([[0.0], np.cumsum(bend)]) / max(bend.sum(), np.finfo(float).tiny)
    inner = np.searchsorted(share, np.arange(1, pieces) / pieces) + 1
    return x[np.unique([0, *np.minimum(inner, len(x) - 1), len(x) - 1])]


# Fit -------------------------------------------------------------------------------------------------


def _week_numbers(week: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(week):
        since = week.to_numpy(float)
    else:
        days = (pd.to_datetime(week) - pd.to_datetime(week).min()).dt.days
        since = days.to_numpy(float) / 7
    if (since % 1 != 0).any():
        raise ValueError("week is not a whole number of weeks after the first in some rows")
    return since.astype(int)


def _bendable_curve(channel: str, own: pd.DataFrame, seed: int) -> Curve:
    """As ``_curve``; no curve, with the reason, where the numbers of the channel allow no fit."""
    try:
        return _curve(channel, own, seed)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        unknown, spend = np.full(len(PARAMETERS), np.nan), own["spend"]
        reason = f"no curve could be fitted: {error}"
        weeks = int(own["revenue"].notna().sum())
        return Curve(
            channel, "line", UNDECIDED, reason, weeks, float(spend.mean()), float(spend.max()), np.nan, unknown,
            unknown[None],
        )  # fmt: skip


def _curve(channel: str, own: pd.DataFrame, seed: int) -> Curve:
    """The curve of one channel: rows with week (a number), spend and revenue."""
    grid = own.set_index("week")[["spend", "revenue"]].reindex(range(own["week"].min(), own["week"].max() + 1))
    spend, revenue = grid["spend"].fillna(0.0).to_numpy(), grid["revenue"].to_numpy()
    known, t = int(np.isfinite(revenue).sum()), np.arange(len(grid))
    waves = [np.sin(2 * np.pi * t / YEAR), np.cos(2 * np.pi * t / YEAR)] if len(t) >= 2 * YEAR - 1 else []
    weeks = _Weeks(spend, revenue, np.column_stack([np.ones(len(t)), t - t.mean(), *waves]))
    unknown = np.full(len(PARAMETERS), np.nan)

    def made(verdict: str, reason: str, p_value: float, *fits: _Fit) -> Curve:
        """The first fit, with draws of all."""
        weights = np.exp([(fits[0].aic - fit.aic) / 2 for fit in fits])
        counts = np.rint(DRAWS * weights / weights.sum()).astype(int) if fits else []
        parts = [_draws(fit, weeks, int(count), seed) for fit, count in zip(fits, counts, strict=True)]
        estimate = _parameters(fits[0].free, weeks)[0] if fits else unknown
        draws = np.concatenate(parts) if parts else unknown[None]
        shape = fits[0].shape if fits else "line"
        return Curve(channel, shape, verdict, reason, known, spend.mean(), spend.max(), p_value, estimate, draws)

    if known < LEAST_FOR_A_LINE:
        return made(UNDECIDED, f"revenue is known in only {known} weeks", np.nan)
    if np.ptp(spend) <= 1e-9 * spend.max():
        return made(UNDECIDED, "spending never varied", np.nan)
    line = _fit(weeks, 2)
    if line is None:
        return made(UNDECIDED, "too few weeks in a row have revenue", np.nan)
    if known < LEAST_WEEKS:
        return made(UNDECIDED, f"revenue is known in only {known} weeks", np.nan, line)
    tried = sorted((fit for k in (3, 4) if (fit := _fit(weeks, k)) is not None), key=lambda fit: fit.aic)
    p_value = min(1.0, len(tried) * min((_p_value(line, fit) for fit in tried), default=1.0))
    if p_value > ALPHA:
        return made(UNDECIDED, f"a straight line fits as well (p = {p_value:.2g})", p_value, line)
    curve = made(IDENTIFIED, f"bends, against a straight line p = {p_value:.2g}", p_value, *tried)
    top = curve.value(np.array([curve.max_spend]))[0]
    if top <= 0:
        return made(UNDECIDED, "revenue falls where spending rises", p_value, line)
    if curve.marginal_return(curve.max_spend) >= top / curve.max_spend:
        return made(UNDECIDED, "returns still rise at the largest spend seen", p_value, line)
    return curve


def _bend(free: np.ndarray, weeks: _Weeks) -> tuple[float, float]:
    """half_spend and exponent, NaN where the shape has none."""
    half_spend = np.exp(free[2]) * weeks.spend.mean() if len(free) > 2 else np.nan
    return float(half_spend), float(np.exp(free[3])) if len(free) > 3 else np.nan


class _Projected(NamedTuple):
    """Residuals (n,) of revenue, the ceiling that leaves the least, and its standard error for errors of size 1."""

    residuals: np.ndarray
    ceiling: float
    error: float


def _projected(free: np.ndarray, weeks: _Weeks) -> _Projected:
    """The regression on base and saturated stock, both and revenue less their autocorrelation.

    Weeks whose revenue or that of the week before is unknown are left out.
    """
    columns = np.column_stack([weeks.base, _saturation(carried_over(weeks.spend, free[0]), *_bend(free, weeks))])
    regressors = columns[1:] - free[1] * columns[:-1]
    target = weeks.revenue[1:] - free[1] * weeks.revenue[:-1]
    known = np.isfinite(target)
    q, r = np.linalg.qr(regressors[known])
    along, last = q.T @ target[known], r[-1, -1] or np.finfo(float).tiny
    return _Projected(target[known] - q @ along, float(along[-1] / last), float(1 / abs(last)))


def _fit(weeks: _Weeks, k: int) -> _Fit | None:
    """The maximum of the likelihood of the shape with k nonlinear parameters; None if there are too few rows."""
    known = np.isfinite(weeks.revenue)
    rows = int((known[1:] & known[:-1]).sum())
    degrees = rows - k - 1 - weeks.base.shape[1]
    if degrees < 3:
        return None
    scale = np.nanstd(weeks.revenue) or 1.0

    def residuals(free: np.ndarray) -> np.ndarray:
        return _projected(free, weeks).residuals / scale

    grid = product((0.1, 0.4, 0.7), (0.0, 0.4), np.log([0.3, 1.0, 4.0]), np.log([0.9, 2.0]))
    starts = [np.array(start) for start in dict.fromkeys(start[:k] for start in grid)]
    starts.sort(key=lambda start: float((residuals(start) ** 2).sum()))
    found = [least_squares(residuals, start, bounds=(LOWEST[:k], HIGHEST[:k])) for start in starts[:2]]
    best = min(found, key=lambda one: one.cost)
    loss = max(2 * best.cost, np.finfo(float).tiny)
    covariance = np.linalg.pinv(best.jac.T @ best.jac) * loss / degrees
    return _Fit(best.x, loss * scale**2, covariance, rows, degrees)


def _p_value(line: _Fit, curve: _Fit) -> float:
    """Of the line, on the boundary of the curve: half of the time the ratio is 0, and its last degree is half free."""
    ratio = max(curve.degrees * np.log(line.loss / curve.loss), 0.0)
    extra = len(curve.free) - len(line.free)
    lower = stats.chi2.sf(ratio, extra - 1) if extra > 1 else float(ratio <= 0)
    return float((lower + stats.chi2.sf(ratio, extra)) / 2)


def _parameters(free: np.ndarray, weeks: _Weeks) -> tuple[np.ndarray, float, float]:
    """``PARAMETERS`` (4,), the standard error of the first for errors of 1, and the sum of squares."""
    found = _projected(free, weeks)
    loss = max(float((found.residuals**2).sum()), np.finfo(float).tiny)
    return np.array([found.ceiling, *_bend(free, weeks), max(free[0], 0.0)]), found.error, loss


def _draws(fit: _Fit, weeks: _Weeks, count: int, seed: int) -> np.ndarray:
    """Draws of ``PARAMETERS`` (count, 4)."""
    if not count:
        return np.empty((0, len(PARAMETERS)))
    rng, k = np.random.default_rng(seed), len(fit.free)
    proposal = stats.multivariate_t(fit.free, _bounded_spread(fit.covariance), df=5, allow_singular=True, seed=rng)
    tried = np.atleast_2d(proposal.rvs(4 * DRAWS))
    tried = np.vstack(
        [fit.free, tried[((tried >= LOWEST[:k]) & (tried <= HIGHEST[:k])).all(axis=1)][: max(count, DRAWS // 4)]]
    )
    made = [_parameters(free, weeks) for free in tried]
    error, loss = np.array([one[1:] for one in made]).T
    log_weights = -fit.degrees / 2 * np.log(loss) - proposal.logpdf(tried)
    weights = np.exp(log_weights - log_weights.max())
    chosen = rng.choice(len(weights), count, p=weights / weights.sum())
    draws = np.array([one[0] for one in made])[chosen]
    draws[:, 0] += (error * np.sqrt(loss / fit.degrees))[chosen] * rng.standard_t(fit.degrees, count)
    return draws


def _bounded_spread(covariance: np.ndarray) -> np.ndarray:
    """The covariance, wider by half so that its draws reach all the likelihood does, no wider than the bounds allow."""
    k = len(covariance)
    width = (HIGHEST - LOWEST)[:k] / 2
    scale = np.minimum(1.5 * np.sqrt(np.maximum(np.diag(covariance), 1e-12)), width)
    correlation = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)).clip(1e-24))
    return correlation * np.outer(scale, scale) + np.diag(scale**2) * 1e-3
