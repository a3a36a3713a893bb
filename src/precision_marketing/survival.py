"""When customers leave: Kaplan-Meier curves, Cox's proportional hazards, Weibull's accelerated failure times.

The time of a customer runs in days from his entry. What is not over yet is *censored*: he has not left so far, more is
not known. Who was a customer before he came under observation is *left-truncated* (``entry_days``): those like him who
had left by then are not in the data, so he counts among those at risk from his entry on only.

Both models give the cumulative hazard ``H(t | x) = H0(t) exp(b (x - mean x))`` and survival ``exp(-H)``: Weibull (whose
accelerated failure times are proportional hazards as well) with ``H0(t) = (t / scale)^shape``, Cox with Breslow's
estimate at each day with a loss, a straight line between those days, and beyond the last one the average hazard of
the last third of the time seen. So one set of plain numbers, ``models_``, scores without lifelines.

*Proportional hazards.* Cox's one coefficient per covariate is right only if its effect does not change with time. The
Schoenfeld residuals say so (Grambsch and Therneau's test, one per covariate, a category's levels together, Holm's
correction over the covariates). The covariate that breaks it worst becomes a stratum - each level has a baseline hazard
of its own, a number is cut into four parts at most - and the model is fitted and tested again, until nothing is
violated or a stratum would hold fewer than ``MIN_STRATUM_EVENTS`` losses. ``drivers`` says what was done with each
covariate. A stratum enters hazard ratio and explanation by its cumulative hazard until ``reference_day_``, the median
day of a loss.

*Champion.* The model with the higher cross-validated concordance, if the 95% interval of the difference leaves out 0.
(Customers are ranked by the mean of their life within the time seen. That orders strata too, whose hazards may cross.)
Otherwise Weibull: it is smooth, has two numbers where Cox has a table, and says something about days that nobody has
reached, where the customers are who stayed longest. Unless the losses it expects in four stretches of time are not
those that came (chi-square, out of fold, 1%) while Cox's are: a ranking as good with chances that are wrong is no tie.

Sources: Kaplan and Meier 1958; Cox 1972; Breslow 1974; Grambsch and Therneau, Biometrika 81 (1994); Holm 1979; Harrell
et al. 1982 (concordance); Kalbfleisch and Prentice, The statistical analysis of failure time data (2002);
Davidson-Pilon, lifelines, JOSS 4 (2019).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter, WeibullAFTFitter, WeibullFitter
from lifelines.exceptions import ConvergenceError
from scipy import stats
from sklearn.model_selection import StratifiedKFold

from precision_marketing.experiments import holm
from precision_marketing.registry import Metric

HORIZONS_DAYS = (30, 60, 90)
REMAINING_DAYS = 365
MIN_EVENTS = 10
MIN_STRATUM_EVENTS = 20
MAX_LEVELS = 50
MISSING = "missing"
STRATUM_BINS = 4
# A loss on the day of entry (one order, never again) happened within that day; the logarithm of 0 days has no value.
FIRST_DAY = 0.5
# lifelines' ridge on standardised covariates, per customer: too small to move an estimate, enough to bound that of a
# level without a single loss.
RIDGE = 1e-4
Z = float(stats.norm.ppf(0.975))

DRIVER_COLUMNS = (
    "covariate", "level", "reference", "coefficient", "hazard_ratio", "ci_low", "ci_high", "p_value", "ph_p_value",
    "treatment",
)  # fmt: skip
PROPORTIONAL = "proportional"
STRATIFIED = "stratified; coefficient is the average over time of the unstratified model"
BINNED = "cut into four parts at most and stratified; coefficient is the average over time of the unstratified model"
KEPT = "kept, not proportional: strata would hold too few losses; coefficient is the average over time"
ASSUMED = "assumed proportional, as Weibull has it"
CONSTANT = "dropped: constant"
COLLINEAR = "dropped: follows from the covariates before it"


# Who is lost ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ChurnRule:
    """When a customer counts as lost.

    kind 'days': after ``days`` days without an order. 'intervals': after ``intervals`` times his own mean days between
    orders, at least ``minimum_days``; who has ordered on one day only is given the median of the others, or ``days`` if
    there are none. 'contract_end': on ``contract_end_date``, which a renewal moves; no date, no end.
    """

    kind: Literal["days", "intervals", "contract_end"] = "days"
    days: float = 90
    intervals: float = 3
    minimum_days: float = 14

    def __post_init__(self) -> None:
        if self.kind not in ("days", "intervals", "contract_end"):
            raise ValueError(f"rule must be days, intervals or contract_end, not {self.kind!r}")
        if not min(self.days, self.intervals, self.minimum_days) > 0:
            raise ValueError("days, intervals and minimum_days of a rule must be positive")


def churn_table(purchases: pd.DataFrame, as_of: Any, rule: ChurnRule | None = None) -> pd.DataFrame:
    """Durations and losses of customers, censored where nothing can be known yet.

    A customer is lost on the day of his last order once the rule's days without a further one have passed. Nobody's
    loss can be known within the last N days, so everybody else is censored at as_of - N - not at his last order or at
    as_of, which would count the days of silence before a loss as days of survival. A contract's end is known at once.

    purchases: one row per customer: customer_id, first_order_date, last_order_date, orders (all up to as_of); and
    contract_end_date for that rule. rule: ``ChurnRule()`` if None.
    Returns a row per customer, in their order: customer_id, duration_days (from the first order), is_churned,
    as_of_days (from the first order to as_of, where a forecast begins). duration_days is 0 if the first order is too
    recent to tell anything.
    Raises ValueError for absent columns, customers that are missing or come twice, missing dates, orders after as_of, a
    last order or contract's end before the first order.
    """
    rule = rule or ChurnRule()
    dated = ["first_order_date", "last_order_date"]
    ends = ["contract_end_date"] if rule.kind == "contract_end" else []
    _require(purchases, ["customer_id", *dated, "orders", *ends])
    _unique_customers(purchases)
    as_of = pd.Timestamp(as_of).normalize()
    first, last = (pd.to_datetime(purchases[name]).dt.normalize() for name in dated)
    orders = pd.to_numeric(purchases["orders"]).to_numpy(float, na_value=np.nan)
    for name, wrong in {
        "first_order_date is missing": first.isna(),
        "last_order_date is missing": last.isna(),
        "last_order_date is before first_order_date": last < first,
        f"last_order_date is after {as_of.date()}": last > as_of,
        "orders is below 1": ~(orders >= 1),
    }.items():
        if np.any(wrong):
            raise ValueError(f"{name} in {int(np.sum(wrong))} rows")

    life, age = (last - first).dt.days.to_numpy(float), (as_of - first).dt.days.to_numpy(float)
    if rule.kind == "contract_end":
        end = (pd.to_datetime(purchases[ends[0]]).dt.normalize() - first).dt.days.to_numpy(float)
        if (end < 0).any():
            raise ValueError(f"contract_end_date is before first_order_date in {int((end < 0).sum())} rows")
        churned = end < age
        duration = np.where(churned, end, age)
    else:
        patience = np.full(len(purchases), float(rule.days))
        if rule.kind == "intervals" and len(purchases):
            interval = np.where((orders > 1) & (life > 0), life / np.maximum(orders - 1, 1), np.nan)
            usual = np.nanmedian(interval) if np.isfinite(interval).any() else rule.days / rule.intervals
            own = np.where(np.isnan(interval), usual, interval)
            patience = np.maximum(rule.intervals * own, rule.minimum_days)
        churned = age - life >= patience
        duration = np.where(churned, life, np.maximum(age - patience, 0))
    return pd.DataFrame(
        {
            "customer_id": purchases["customer_id"].to_numpy(),
            "duration_days": duration,
            "is_churned": churned,
            "as_of_days": age,
        }
    )


# Input -----------------------------------------------------------------------------------------------------


def _require(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise ValueError(f"columns are absent: {', '.join(absent)}")


def _unique_customers(frame: pd.DataFrame) -> None:
    if "customer_id" in frame.columns:
        if frame["customer_id"].isna().any():
            raise ValueError("customer_id is missing in some rows")
        doubled = frame.loc[frame["customer_id"].duplicated(), "customer_id"]
        if len(doubled):
            raise ValueError(f"customer_id comes twice: {doubled.iloc[0]} and {len(doubled) - 1} others")


def _days(frame: pd.DataFrame, column: str, default: np.ndarray | None = None) -> np.ndarray:
    """A column of days, finite and not negative; missing values take the default where there is one."""
    if default is not None and column not in frame.columns:
        return default
    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(float, na_value=np.nan)
    values = values if default is None else np.where(frame[column].isna(), default, values)
    unusable = ~(np.isfinite(values) & (values >= 0))
    if unusable.any():
        raise ValueError(f"{column} is missing, infinite or negative in {int(unusable.sum())} rows")
    return values


class _Lives(NamedTuple):
    """Days of entry and of the end of observation, and whether it ended with a loss; arrays (n,)."""

    entry: np.ndarray
    end: np.ndarray
    lost: np.ndarray

    def take(self, rows: np.ndarray) -> _Lives:
        return _Lives(self.entry[rows], self.end[rows], self.lost[rows])


def _lives(frame: pd.DataFrame) -> tuple[_Lives, np.ndarray]:
    """The lives of the rows that spent time at risk, and which rows those are (n,)."""
    _require(frame, ["duration_days", "is_churned"])
    _unique_customers(frame)
    if frame["is_churned"].isna().any():
        raise ValueError(f"is_churned is missing in {int(frame['is_churned'].isna().sum())} rows")
    if not frame["is_churned"].isin([0, 1]).all():
        raise ValueError("is_churned must be true or false")
    lost = frame["is_churned"].to_numpy(dtype=bool)
    end, entry = _days(frame, "duration_days"), _days(frame, "entry_days", np.zeros(len(frame)))
    end = np.where(lost & (end == 0), FIRST_DAY, end)
    if (lost & (end <= entry)).any():
        raise ValueError("duration_days of a lost customer must be after entry_days")
    at_risk = end > entry
    return _Lives(entry, end, lost).take(at_risk), at_risk


# Curves ----------------------------------------------------------------------------------------------------


def curves(frame: pd.DataFrame, segment_column: str, days: Sequence[float] = range(0, 721, 30)) -> pd.DataFrame:
    """Kaplan-Meier survival of each segment with pointwise 95% intervals (log-log, Greenwood's variance).

    frame: duration_days, is_churned, optionally entry_days, and the segment (missing: a segment of that name).
    Returns a row per segment and day, sorted: segment, day, survival, ci_low, ci_high, at_risk (customers who entered
    before that day, were not lost before it and are observed until then). Survival is NaN beyond the last day seen,
    unless it is 0 by then. No rows: no rows.
    """
    _require(frame, [segment_column])
    lives, at_risk = _lives(frame)
    segment = frame[segment_column].astype("object").where(frame[segment_column].notna(), MISSING).astype(str)
    grid = np.asarray(sorted(days), dtype=float)
    segments = segment.to_numpy()[at_risk]
    parts = []
    for name in np.unique(segments):
        own = lives.take(segments == name)
        entry = own.entry if own.entry.any() else None
        fitted = KaplanMeierFitter().fit(own.end, own.lost, entry=entry)
        steps = np.searchsorted(fitted.survival_function_.index.to_numpy(), grid, side="right") - 1
        survival = fitted.survival_function_.to_numpy()[steps, 0]
        interval = fitted.confidence_interval_.to_numpy()[steps]
        known = (grid <= own.end.max()) | (survival == 0)
        counted = ((own.entry < grid[:, None]) | (own.entry == 0)) & (own.end >= grid[:, None])
        parts.append(
            pd.DataFrame(
                {
                    "segment": name,
                    "day": grid,
                    "survival": np.where(known, survival, np.nan),
                    # Without a loss so far Greenwood's variance is 0; lifelines leaves the interval of S = 1 empty.
                    "ci_low": np.where(known, np.where(np.isnan(interval[:, 0]), survival, interval[:, 0]), np.nan),
                    "ci_high": np.where(known, np.where(np.isnan(interval[:, 1]), survival, interval[:, 1]), np.nan),
                    "at_risk": counted.sum(axis=1),
                }
            )
        )
    columns = ["segment", "day", "survival", "ci_low", "ci_high", "at_risk"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


# Covariates ------------------------------------------------------------------------------------------------


def _texts(values: pd.Series) -> np.ndarray:
    return values.astype("object").where(values.notna(), MISSING).astype(str).to_numpy(dtype=object)


def _numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    try:
        values = pd.to_numeric(frame[name]).to_numpy(float, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} was a number when the model was fitted and holds something else") from error
    if np.isinf(values).any():
        raise ValueError(f"{name} holds infinite values")
    return values


def _learn_design(
    frame: pd.DataFrame, covariates: Sequence[str], references: Mapping[str, str]
) -> tuple[list[dict[str, Any]], dict[tuple[str, str], str]]:
    """How covariates become columns, and which (covariate, level) get none, with the reason.

    A number is one column; a category one per level but its reference. Columns that are constant or a linear
    combination of those before them are left out: what they say is said already.
    """
    design: list[dict[str, Any]] = []
    dropped: dict[tuple[str, str], str] = {}
    basis = np.empty((len(frame), 0))
    for name in covariates:
        rule: dict[str, Any] = {"covariate": name, "levels": None, "reference": "", "mean": 0.0, "edges": []}
        if pd.api.types.is_numeric_dtype(frame[name]):
            known = _numbers(frame, name)
            known = known[np.isfinite(known)]
            if len(known):
                rule["mean"] = float(known.mean())
                rule["edges"] = _edges(known)
            candidates = [""]
        else:
            levels, counts = np.unique(_texts(frame[name]), return_counts=True)
            if len(levels) > MAX_LEVELS:
                raise ValueError(f"{name} has {len(levels)} levels, more than {MAX_LEVELS}: group them or leave it out")
            reference = str(references.get(name, levels[np.argmax(counts)]))
            if reference not in levels:
                raise ValueError(f"the reference {reference!r} of {name} does not occur")
            shares = counts / len(frame)
            rule |= {"levels": {str(level): float(share) for level, share in zip(levels, shares, strict=True)}}
            rule["reference"] = reference
            candidates = [str(level) for level in levels if level != reference]
            if not candidates:
                dropped[name, reference] = CONSTANT
        kept = []
        for level, values in zip(candidates, _encode(frame, [rule | {"columns": candidates}]).T, strict=True):
            length = np.linalg.norm(values)
            if length <= 1e-9 * np.sqrt(len(frame)) * max(1.0, abs(rule["mean"])):
                dropped[name, level] = CONSTANT
                continue
            fresh = values / length
            for _ in range(2):  # the second time for the last digits
                fresh = fresh - basis @ (basis.T @ fresh)
            if np.linalg.norm(fresh) < 1e-6:
                dropped[name, level] = COLLINEAR
                continue
            basis = np.column_stack([basis, fresh / np.linalg.norm(fresh)])
            kept.append(level)
        design.append(rule | {"columns": kept})
    return design, dropped


def _edges(values: np.ndarray) -> list[float]:
    """Where a number is cut into strata, upper ends included: each value by itself, or quarters if there are many."""
    distinct = np.unique(values)
    if len(distinct) <= STRATUM_BINS:
        return distinct[:-1].tolist()
    quarters = np.unique(np.quantile(values, np.arange(1, STRATUM_BINS) / STRATUM_BINS))
    below = quarters[quarters < distinct[-1]]
    return (below if len(below) else distinct[-2:-1]).tolist()


def _encode(frame: pd.DataFrame, design: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """The design matrix (n, p), every column minus its mean at the fit.

    0, as the mean customer, for a missing number and for a level that was not there at the fit.
    """
    columns = []
    for rule in design:
        if rule["levels"] is None:
            columns += [np.nan_to_num(_numbers(frame, rule["covariate"]) - rule["mean"]) for _ in rule["columns"]]
            continue
        texts = _texts(frame[rule["covariate"]])
        known = np.isin(texts, list(rule["levels"]))
        columns += [np.where(known, (texts == level) - rule["levels"][level], 0.0) for level in rule["columns"]]
    return np.column_stack(columns) if columns else np.empty((len(frame), 0))


def _owners(design: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """The covariate of each column of the design matrix (p,)."""
    return np.array([rule["covariate"] for rule in design for _ in rule["columns"]], dtype=object)


def _stratum_levels(frame: pd.DataFrame, rule: Mapping[str, Any]) -> np.ndarray:
    """The level, or the part of a number ('0' to '3'), by which a covariate divides customers into strata (n,).

    '' for a level that was not there at the fit; a missing number counts as the mean here too.
    """
    if rule["levels"] is not None:
        texts = _texts(frame[rule["covariate"]])
        return np.where(np.isin(texts, list(rule["levels"])), texts, "")
    values = _numbers(frame, rule["covariate"])
    values = np.where(np.isnan(values), rule["mean"], values)
    return np.searchsorted(rule["edges"], values, side="left").astype(str)


def _strata(frame: pd.DataFrame, design: Sequence[Mapping[str, Any]], names: Sequence[str]) -> np.ndarray:
    """The stratum of each customer (n,): the levels of the covariates ``names``, joined."""
    by_name = {rule["covariate"]: rule for rule in design}
    joined = np.full(len(frame), "", dtype=object)
    for name in names:
        joined = joined + _stratum_levels(frame, by_name[name]).astype(object) + "\n"
    return joined


# Cox -------------------------------------------------------------------------------------------------------


def _at_risk(values: np.ndarray, lives: _Lives, days: np.ndarray) -> np.ndarray:
    """Sums of ``values`` (n, k) over those at risk, entry < day <= end, on each of the days (m,): (m, k)."""

    def from_day_on(borders: np.ndarray) -> np.ndarray:
        order = np.argsort(borders, kind="stable")
        sums = np.vstack([np.cumsum(values[order][::-1], axis=0)[::-1], np.zeros(values.shape[1])])
        return sums[np.searchsorted(borders[order], days, side="left")]

    return from_day_on(lives.end) - from_day_on(lives.entry)


def schoenfeld_test(
    matrix: np.ndarray,
    lives: tuple[np.ndarray, np.ndarray, np.ndarray],
    coefficients: np.ndarray,
    variance: np.ndarray,
    owners: np.ndarray,
    strata: np.ndarray | None = None,
) -> dict[str, float]:
    """Grambsch and Therneau's test that the coefficients of Cox's model do not change with (the rank of) time.

    lifelines tests one column at a time, without left truncation, and with strata takes the order of its rows, stratum
    by stratum, for the rank of time. Here the columns of one covariate are tested together.

    matrix: (n, p); lives: entry, end and whether lost, (n,) each; coefficients (p,) and their variance (p, p);
    owners: (p,) the covariate of each column; strata: (n,) labels. Returns the p-value of each covariate.
    """
    lives = _Lives(*lives)
    strata = np.zeros(len(matrix)) if strata is None else strata
    weights = np.exp(matrix @ coefficients)
    residuals, times = [], []
    for stratum in np.unique(strata):
        rows = strata == stratum
        own, lost = lives.take(rows), lives.lost[rows]
        if not lost.any():
            continue
        weighted = np.column_stack([weights[rows], weights[rows, None] * matrix[rows]])
        sums = _at_risk(weighted, own, own.end[lost])
        residuals.append(matrix[rows][lost] - sums[:, 1:] / sums[:, :1])
        times.append(own.end[lost])
    rank = stats.rankdata(np.concatenate(times))
    rank -= rank.mean()
    trend = len(rank) * variance @ (np.vstack(residuals).T @ rank)
    scale = len(rank) * (rank @ rank)
    p_values = {}
    for name in dict.fromkeys(owners):
        part = np.flatnonzero(owners == name)
        quadratic = trend[part] @ np.linalg.pinv(variance[np.ix_(part, part)]) @ trend[part]
        p_values[name] = float(stats.chi2.sf(quadratic / scale, len(part))) if scale > 0 else 1.0
    return p_values


def _breslow(lives: _Lives, log_hazard: np.ndarray) -> dict[str, Any]:
    """Breslow's cumulative baseline hazard by day, and its daily rate beyond.

    The table ends where fewer than ten customers are at risk, for a single loss among those moves it too far.
    """
    days = np.unique(lives.end[lives.lost])
    sums = _at_risk(np.column_stack([np.exp(log_hazard), np.ones(len(log_hazard))]), lives, days)
    losses = np.unique(lives.end[lives.lost], return_counts=True)[1]
    enough = sums[:, 1] > min(10, sums[:, 1].max()) - 0.5
    hazard = np.cumsum(np.where(enough, losses / sums[:, 0], 0))[enough]
    days = days[enough]
    last = float(np.sort(lives.end)[-min(10, len(lives.end))])
    if last > days[-1]:
        days, hazard = np.append(days, last), np.append(hazard, hazard[-1])
    days, hazard = np.append(0.0, days), np.append(0.0, hazard)
    rate = (hazard[-1] - np.interp(days[-1] * 2 / 3, days, hazard)) / (days[-1] / 3)
    return {"days": days.tolist(), "cumulative_hazard": hazard.tolist(), "rate_beyond": float(rate)}


def _quietly(fit: Any) -> Any:
    """What ``fit(penalizer)`` returns, with a firmer ridge if it does not converge."""
    for penalizer in (RIDGE, 100 * RIDGE):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return fit(penalizer)
        except ConvergenceError as error:
            failure = error
    raise ValueError(f"the model does not converge on these covariates: {failure}") from failure


def _lifelines_frame(matrix: np.ndarray, lives: _Lives) -> tuple[pd.DataFrame, dict[str, Any]]:
    frame = pd.DataFrame(matrix, columns=[f"x{place}" for place in range(matrix.shape[1])])
    frame = frame.assign(end=lives.end, lost=lives.lost)
    if not lives.entry.any():
        return frame, {"duration_col": "end", "event_col": "lost"}
    return frame.assign(entry=lives.entry), {"duration_col": "end", "event_col": "lost", "entry_col": "entry"}


def _cox_coefficients(matrix: np.ndarray, lives: _Lives, strata: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (p,) and their variance (p, p)."""
    if matrix.shape[1] == 0:
        return np.empty(0), np.empty((0, 0))
    frame, names = _lifelines_frame(matrix, lives)
    if strata is not None:
        frame, names = frame.assign(stratum=pd.factorize(strata)[0]), names | {"strata": ["stratum"]}
    fitted = _quietly(lambda penalizer: CoxPHFitter(penalizer=penalizer).fit(frame, **names))
    return fitted.params_.to_numpy(), fitted.variance_matrix_.to_numpy()


def _fit_cox(
    frame: pd.DataFrame, lives: _Lives, design: Sequence[Mapping[str, Any]], alpha: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The stratified model as plain numbers, and what ``drivers`` reports."""
    matrix, owners = _encode(frame, design), _owners(design)
    coefficients, variance = _cox_coefficients(matrix, lives, None)
    reported: dict[str, Any] = {"coefficients": coefficients.copy(), "errors": np.sqrt(np.diag(variance))}
    reported |= {"ph": {}, "treatment": {}}
    numeric = {rule["covariate"] for rule in design if rule["levels"] is None}
    names: list[str] = []
    strata, kept = None, np.ones(len(owners), dtype=bool)
    while kept.any():
        found = schoenfeld_test(matrix[:, kept], lives, coefficients[kept], variance, owners[kept], strata)
        reported["ph"] |= found
        adjusted = dict(zip(found, holm(np.array(list(found.values()))), strict=True))
        violated = sorted((name for name in found if adjusted[name] < alpha), key=found.__getitem__)
        reported["treatment"] |= {name: KEPT if name in violated else PROPORTIONAL for name in found}
        for name in violated:
            candidate = _strata(frame, design, [*names, name])
            if pd.Series(lives.lost).groupby(candidate).sum().min() >= MIN_STRATUM_EVENTS:
                break
        else:
            break
        names, strata, kept = [*names, name], candidate, kept & (owners != name)
        reported["treatment"][name] = BINNED if name in numeric else STRATIFIED
        coefficients = np.zeros(len(owners))
        coefficients[kept], variance = _cox_coefficients(matrix[:, kept], lives, strata)
    reported["coefficients"][kept] = coefficients[kept]
    reported["errors"][kept] = np.sqrt(np.diag(variance))[: kept.sum()]

    log_hazard = matrix @ coefficients
    baselines = {"": _breslow(lives, log_hazard)}
    if strata is not None:
        for stratum in np.unique(strata):
            rows = strata == stratum
            baselines[stratum] = _breslow(lives.take(rows), log_hazard[rows])
    return {"coefficients": coefficients.tolist(), "strata": names, "baselines": baselines}, reported


# Weibull ---------------------------------------------------------------------------------------------------


def _fit_weibull(
    frame: pd.DataFrame, lives: _Lives, design: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The model as plain numbers, and what ``drivers`` reports.

    log T = a + b x + error / shape, so the log hazard is -shape b x; its standard error by the delta method.
    """
    matrix = _encode(frame, design)
    if matrix.shape[1] == 0:
        fitted = _quietly(lambda _: WeibullFitter().fit(lives.end, lives.lost, entry=lives.entry))
        baseline = {"shape": float(fitted.rho_), "scale_days": float(fitted.lambda_)}
        return {"coefficients": [], "strata": [], "weibull": baseline}, {"coefficients": np.empty(0), "errors": []}
    data, names = _lifelines_frame(matrix, lives)
    fitted = _quietly(lambda penalizer: WeibullAFTFitter(penalizer=penalizer).fit(data, **names))
    labels = [("lambda_", f"x{place}") for place in range(matrix.shape[1])]
    effects = fitted.params_[labels].to_numpy()
    shape = float(np.exp(fitted.params_["rho_", "Intercept"]))
    variance = fitted.variance_matrix_.loc[
        [*labels, ("rho_", "Intercept")], [*labels, ("rho_", "Intercept")]
    ].to_numpy()
    gradient = np.column_stack([-shape * np.eye(len(effects)), -shape * effects])
    baseline = {"shape": shape, "scale_days": float(np.exp(fitted.params_["lambda_", "Intercept"]))}
    model = {"coefficients": (-shape * effects).tolist(), "strata": [], "weibull": baseline}
    errors = np.sqrt(np.einsum("ij,jk,ik->i", gradient, variance, gradient))
    return model, {"coefficients": -shape * effects, "errors": errors}


# Both models -----------------------------------------------------------------------------------------------


def _baseline_hazard(model: Mapping[str, Any], strata: np.ndarray, days: np.ndarray) -> np.ndarray:
    """H0 of each customer's stratum on his days: (n,) and (n, k) to (n, k); an unknown stratum takes that of all."""
    if "weibull" in model:
        return (days / model["weibull"]["scale_days"]) ** model["weibull"]["shape"]
    hazard = np.empty(days.shape)
    key = np.where(np.isin(strata, list(model["baselines"])), strata, "")
    for stratum in np.unique(key):
        rows, table = key == stratum, model["baselines"][stratum]
        beyond = np.maximum(days[rows] - table["days"][-1], 0)
        hazard[rows] = np.interp(days[rows], table["days"], table["cumulative_hazard"]) + beyond * table["rate_beyond"]
    return hazard


class _Scores(NamedTuple):
    """A fitted model applied to n customers: contributions to the log hazard, and the cumulative hazard by day."""

    contributions: pd.DataFrame
    strata: np.ndarray
    log_hazard: np.ndarray
    model: Mapping[str, Any]

    def cumulative_hazard(self, days: np.ndarray) -> np.ndarray:
        """(n, k) days to (n, k)."""
        return _baseline_hazard(self.model, self.strata, days) * np.exp(self.log_hazard)[:, None]

    def mean_life(self, last_day: float) -> np.ndarray:
        """The mean of the days from 0 to the loss, or to last_day if that is sooner (n,)."""
        days = np.linspace(0, last_day, 101)
        return np.trapezoid(np.exp(-self.cumulative_hazard(np.tile(days, (len(self.strata), 1)))), days, axis=1)


def _apply(model: Mapping[str, Any], design: Sequence[Mapping[str, Any]], frame: pd.DataFrame) -> _Scores:
    _require(frame, [rule["covariate"] for rule in design if rule["columns"] or rule["covariate"] in model["strata"]])
    products = _encode(frame, design) * np.asarray(model["coefficients"])
    owners, log_hazard = _owners(design), products.sum(axis=1)
    strata = _strata(frame, design, model["strata"])
    contributions = {
        rule["covariate"]: products[:, owners == rule["covariate"]].sum(axis=1)
        for rule in design
        if rule["columns"] and rule["covariate"] not in model["strata"]
    }
    if model["strata"]:
        at_reference = _baseline_hazard(model, strata, np.full((len(frame), 1), model["reference_day"]))[:, 0]
        contributions[" x ".join(model["strata"])] = np.log(at_reference) - model["mean_log_baseline"]
    return _Scores(pd.DataFrame(contributions, index=range(len(frame))), strata, log_hazard, model)


def _reference(model: dict[str, Any], design: Sequence[Mapping[str, Any]], frame: pd.DataFrame, day: float) -> None:
    """Adds the day at which strata are compared and the mean log of their cumulative hazard on it."""
    strata = _strata(frame, design, model["strata"])
    hazard = _baseline_hazard(model, strata, np.full((len(frame), 1), day))
    model |= {"reference_day": float(day), "mean_log_baseline": float(np.log(hazard).mean())}


def _fit_models(
    frame: pd.DataFrame, lives: _Lives, covariates: Sequence[str], references: Mapping[str, str], alpha: float
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]], dict[str, pd.DataFrame]]:
    """The design, both models as plain numbers, and the drivers of both."""
    design, dropped = _learn_design(frame, covariates, references)
    models, reports = {}, {}
    models["cox"], reports["cox"] = _fit_cox(frame, lives, design, alpha)
    models["weibull"], reports["weibull"] = _fit_weibull(frame, lives, design)
    reports["weibull"] |= {"ph": reports["cox"]["ph"], "treatment": {}}
    day = float(np.median(lives.end[lives.lost]))
    for model in models.values():
        _reference(model, design, frame, day)
    drivers = {name: _driver_table(report, design, dropped) for name, report in reports.items()}
    return design, models, drivers


def _driver_table(
    report: Mapping[str, Any], design: Sequence[Mapping[str, Any]], dropped: Mapping[tuple[str, str], str]
) -> pd.DataFrame:
    labels = [(rule["covariate"], level, rule["reference"]) for rule in design for level in rule["columns"]]
    rows = []
    for (name, level, reference), coefficient, error in zip(
        labels, report["coefficients"], report["errors"], strict=True
    ):
        low, high = np.exp(coefficient - Z * error), np.exp(coefficient + Z * error)
        p_value = 2 * stats.norm.sf(abs(coefficient) / error)
        treatment = report["treatment"].get(name, ASSUMED)
        rows.append(
            (
                name,
                level,
                reference,
                coefficient,
                np.exp(coefficient),
                low,
                high,
                p_value,
                report["ph"].get(name),
                treatment,
            )
        )
    references = {rule["covariate"]: rule["reference"] for rule in design}
    nothing = (np.nan,) * 6
    rows += [(name, level, references[name], *nothing, why) for (name, level), why in dropped.items()]
    table = pd.DataFrame(rows, columns=list(DRIVER_COLUMNS))
    numbers = list(DRIVER_COLUMNS[3:9])
    return table.astype(dict.fromkeys(numbers, float))


# Checking --------------------------------------------------------------------------------------------------


def _pairs(risk: np.ndarray, lives: _Lives) -> tuple[np.ndarray, np.ndarray]:
    """Per customer, the pairs with him in which the one at higher risk was lost first (ties one half), and all pairs.

    A pair counts if one was lost while the other was at risk. Both arrays (n,), every pair in them twice.
    """
    right, counted = np.zeros(len(risk)), np.zeros(len(risk))
    for block in np.array_split(np.flatnonzero(lives.lost), max(1, lives.lost.sum() // 200)):
        day = lives.end[block, None]
        usable = (lives.entry < day) & ((lives.end > day) | ((lives.end == day) & ~lives.lost))
        ordered = np.where(risk[block, None] > risk, 1.0, np.where(risk[block, None] == risk, 0.5, 0.0)) * usable
        right[block] += ordered.sum(axis=1)
        counted[block] += usable.sum(axis=1)
        right += ordered.sum(axis=0)
        counted += usable.sum(axis=0)
    return right, counted


def concordance(right: np.ndarray, counted: np.ndarray) -> tuple[float, np.ndarray]:
    """Harrell's concordance from ``_pairs``, and each customer's influence on it (n,).

    The squares of the influences add up to its variance (infinitesimal jackknife). 0.5 without a pair.
    """
    total = counted.sum() / 2
    if total == 0:
        return 0.5, np.zeros(len(right))
    value = right.sum() / counted.sum()
    return float(value), (right - value * counted) / total


def fold_numbers(lost: np.ndarray, folds: int, random_state: int) -> np.ndarray:
    """The fold of each customer (n,), with the same share of losses in each."""
    numbers = np.empty(len(lost), dtype=int)
    splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=random_state)
    for number, (_, rows) in enumerate(splitter.split(np.zeros(len(lost)), lost)):
        numbers[rows] = number
    return numbers


class _OutOfFold(NamedTuple):
    """One model on customers that it was not fitted to."""

    right: np.ndarray
    counted: np.ndarray
    expected: np.ndarray  # losses, (n,)
    third: np.ndarray  # of the fold by hazard, 0 to 2, (n,)
    stretches_p: float


def _cross_validate(
    frame: pd.DataFrame,
    lives: _Lives,
    covariates: Sequence[str],
    references: Mapping[str, str],
    alpha: float,
    fold: np.ndarray,
) -> dict[str, _OutOfFold]:
    """Both models and 'average', the same without covariates, out of fold."""
    n = len(frame)
    names = ("cox", "weibull", "average")
    right, counted, expected = ({name: np.zeros(n) for name in names} for _ in range(3))
    third = {name: np.zeros(n, dtype=int) for name in names}
    borders = np.r_[0, np.quantile(lives.end[lives.lost], [0.25, 0.5, 0.75]), np.inf]
    stretches = {name: np.zeros(len(borders) - 1) for name in names}
    for number in np.unique(fold):
        train, test = fold != number, np.flatnonzero(fold == number)
        learned, own, seen = frame[train], lives.take(train), lives.take(test)
        design, models, _ = _fit_models(learned, own, covariates, references, alpha)
        average = {"coefficients": [], "strata": [], "baselines": {"": _breslow(own, np.zeros(train.sum()))}}
        scores = {name: _apply(model, design, frame.iloc[test]) for name, model in models.items()}
        scores["average"] = _apply(average, [], frame.iloc[test])
        for name, score in scores.items():
            risk = -score.mean_life(own.end.max())
            right[name][test], counted[name][test] = _pairs(risk, seen)
            third[name][test] = pd.Series(risk).rank(method="first").to_numpy() * 3 // (len(test) + 1)
            hazard = score.cumulative_hazard(np.clip(borders[None, :], seen.entry[:, None], seen.end[:, None]))
            expected[name][test] = hazard[:, -1] - hazard[:, 0]
            stretches[name] += np.diff(hazard, axis=1).sum(axis=0)
    observed = np.histogram(lives.end[lives.lost], borders)[0]
    result = {}
    for name in names:
        squares = (observed - stretches[name]) ** 2 / np.maximum(stretches[name], 1e-9)
        p_value = float(stats.chi2.sf(squares.sum(), len(squares)))
        result[name] = _OutOfFold(right[name], counted[name], expected[name], third[name], p_value)
    return result


def _metrics(checked: Mapping[str, _OutOfFold], lost: np.ndarray) -> list[Metric]:
    metrics = []
    average = checked["average"].expected
    for name in ("cox", "weibull"):
        own = checked[name]
        value, influence = concordance(own.right, own.counted)
        margin = Z * float(np.sqrt((influence**2).sum()))
        low, high = max(value - margin, 0.0), min(value + margin, 1.0)
        metrics.append(Metric(f"concordance_{name}", value, low, high, 0.5, len(lost)))
        for third, label in enumerate(("lowest third of risk", "middle third of risk", "highest third of risk")):
            rows = own.third == third
            count, expected = int(lost[rows].sum()), float(own.expected[rows].sum())
            if expected <= 0 or average[rows].sum() <= 0:
                continue
            low = float(stats.chi2.ppf(0.025, 2 * count)) / 2 / expected if count else 0.0
            high = float(stats.chi2.ppf(0.975, 2 * count + 2)) / 2 / expected
            baseline = count / float(average[rows].sum())
            metrics.append(
                Metric(f"observed_to_expected_{name}", count / expected, low, high, baseline, int(rows.sum()), label)
            )
    return metrics


def _champion(checked: Mapping[str, _OutOfFold]) -> Literal["cox", "weibull"]:
    """See the head of the module."""
    cox, weibull = checked["cox"], checked["weibull"]
    (c_cox, i_cox), (c_weibull, i_weibull) = (concordance(own.right, own.counted) for own in (cox, weibull))
    if abs(c_cox - c_weibull) > Z * np.sqrt(((i_cox - i_weibull) ** 2).sum()):
        return "cox" if c_cox > c_weibull else "weibull"
    return "cox" if weibull.stretches_p < 0.01 <= cox.stretches_p else "weibull"


# The estimator ---------------------------------------------------------------------------------------------


class ChurnModel:
    """Survival of customers by Cox and Weibull, the champion chosen by cross-validation.

    model: 'auto' for the champion, or 'cox' or 'weibull'. references: the level of a category that its hazard ratios
    compare with; the most frequent by default. remaining_days: the horizon of ``expected_remaining_days``.
    band_limits: the chances to be lost within the last of ``horizons_days`` at which the risk band becomes medium
    and high. folds: of the cross-validation; 0 for none (then 'auto' is Weibull and there are no metrics).
    ph_alpha: level of the test of proportional hazards, over all covariates.

    After ``fit``: ``champion_``; ``models_`` and ``design_``, plain numbers; ``metrics_``, out-of-fold figures
    (``concordance_…``, baseline 0.5: no order; ``observed_to_expected_…``, losses by thirds of the predicted risk,
    baseline: all customers alike); ``rows_``, customers that were learned from; ``reference_day_``.
    The same customers give the same model in any order of rows, if they have a customer_id.
    """

    def __init__(
        self,
        model: Literal["auto", "cox", "weibull"] = "auto",
        references: Mapping[str, str] | None = None,
        horizons_days: Sequence[int] = HORIZONS_DAYS,
        remaining_days: int = REMAINING_DAYS,
        band_limits: tuple[float, float] = (0.1, 0.3),
        folds: int = 5,
        ph_alpha: float = 0.05,
        random_state: int = 0,
    ) -> None:
        if model not in ("auto", "cox", "weibull"):
            raise ValueError(f"model must be auto, cox or weibull, not {model!r}")
        if folds == 1 or folds < 0:
            raise ValueError(f"folds must be 0 or at least 2, not {folds}")
        if not 0 < band_limits[0] <= band_limits[1] < 1:
            raise ValueError(f"band_limits must ascend between 0 and 1, not {band_limits}")
        self.model, self.references = model, dict(references or {})
        self.horizons_days, self.remaining_days = tuple(horizons_days), remaining_days
        self.band_limits, self.folds = tuple(band_limits), folds
        self.ph_alpha, self.random_state = ph_alpha, random_state

    def fit(self, frame: pd.DataFrame, covariates: Sequence[str]) -> Self:
        """Learns from one row per customer.

        frame: duration_days (from day 0 to the loss or the end of observation), is_churned, optionally entry_days (0 if
        absent or missing) and customer_id. covariates: numbers, or categories of any other type. A missing number
        counts as the mean, a missing category as one of its own. Rows without time at risk (end of observation not
        after entry) teach nothing and are left out; a loss on day 0 counts as after half a day.
        Raises ValueError for absent columns, customers that come twice, missing or negative days, infinite covariates,
        a covariate named twice, and fewer than ``MIN_EVENTS`` losses.
        """
        covariates = list(covariates)
        _require(frame, ["duration_days", "is_churned", *covariates])
        if len(set(covariates)) < len(covariates):
            raise ValueError("a covariate is named twice")
        outcome = {"customer_id", "duration_days", "is_churned", "entry_days", "as_of_days"} & set(covariates)
        if outcome:
            raise ValueError(f"no covariates: {', '.join(sorted(outcome))}")
        if "customer_id" in frame.columns:
            _unique_customers(frame)
            frame = frame.sort_values("customer_id")
        lives, at_risk = _lives(frame)
        frame = frame[at_risk].reset_index(drop=True)
        if lives.lost.sum() < MIN_EVENTS:
            raise ValueError(
                f"{lives.lost.sum()} of {len(frame)} customers were lost: {MIN_EVENTS} are needed to learn"
            )

        settings = (covariates, self.references, self.ph_alpha)
        self.design_, self.models_, self.drivers_ = _fit_models(frame, lives, *settings)
        self.rows_, self.metrics_ = len(frame), []
        self.reference_day_ = self.models_["cox"]["reference_day"]
        self.champion_ = "weibull" if self.model == "auto" else self.model
        if self.folds:
            fold = fold_numbers(lives.lost, min(self.folds, int(lives.lost.sum())), self.random_state)
            checked = _cross_validate(frame, lives, *settings, fold)
            self.metrics_ = _metrics(checked, lives.lost)
            self.champion_ = _champion(checked) if self.model == "auto" else self.model
        return self

    def _scored(self, frame: pd.DataFrame) -> _Scores:
        return _apply(self.models_[self.champion_], self.design_, frame)

    def _conditional_survival(self, frame: pd.DataFrame, days: np.ndarray, scores: _Scores | None = None) -> np.ndarray:
        """The chance not to be lost until ``days`` (k,) from now, given not lost until duration_days: (n, k)."""
        _require(frame, ["duration_days"])
        scores = scores or self._scored(frame)
        alive = _days(frame, "duration_days")
        now = np.maximum(_days(frame, "as_of_days", alive), alive)
        begun = scores.cumulative_hazard(alive[:, None])
        return np.exp(begun - scores.cumulative_hazard(now[:, None] + np.asarray(days, float)))

    def predict_survival(self, frame: pd.DataFrame, horizons_days: Sequence[int] | None = None) -> pd.DataFrame:
        """Chances to be still a customer some days from now, given that he was one after duration_days.

        frame: n customers with duration_days (known not to be lost by then) and the covariates; optionally as_of_days,
        as ``churn_table`` gives it, the present where it is later than duration_days. A level not seen at the fit
        counts as the mean customer. Returns a frame with frame's index, columns survival_30d and so on.
        Raises ValueError for absent columns and unusable values.
        """
        horizons = self.horizons_days if horizons_days is None else tuple(horizons_days)
        survival = self._conditional_survival(frame, np.array(horizons, dtype=float))
        return pd.DataFrame(survival, columns=[f"survival_{days}d" for days in horizons], index=frame.index)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The risk of n customers, see ``predict_survival`` for what frame holds.

        Returns frame's customer_id, if it has one; survival_…d; expected_remaining_days, the mean over the next
        ``remaining_days`` days of those in which he is still a customer (so at most that number); hazard_ratio, against
        the mean customer; risk_band (low, medium, high; see ``band_limits``).
        """
        scores = self._scored(frame)
        grid = np.linspace(0, self.remaining_days, 53)
        steps = np.r_[np.array(self.horizons_days, dtype=float), grid]
        survival = self._conditional_survival(frame, steps, scores)
        result = frame[["customer_id"]].copy() if "customer_id" in frame.columns else pd.DataFrame(index=frame.index)
        for place, days in enumerate(self.horizons_days):
            result[f"survival_{days}d"] = survival[:, place]
        result["expected_remaining_days"] = np.trapezoid(survival[:, len(self.horizons_days) :], grid, axis=1)
        result["hazard_ratio"] = np.exp(scores.contributions.sum(axis=1).to_numpy())
        chance = 1 - survival[:, int(np.argmax(self.horizons_days))]
        result["risk_band"] = np.array(["low", "medium", "high"])[
            np.searchsorted(self.band_limits, chance, side="right")
        ]
        return result

    def explain(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The three covariates that move a customer's log hazard farthest from the mean customer's.

        Exact: the contributions of all covariates add up to ``log(hazard_ratio)`` of ``predict``; ``contributions`` has
        them all. Covariates that are strata together contribute as one, named 'a x b'.
        Returns customer_id, if there is one, and covariate_1, contribution_1 to covariate_3, contribution_3; None and
        NaN where there are fewer covariates.
        """
        contributions = self.contributions(frame)
        values, names = contributions.to_numpy(), contributions.columns.to_numpy(dtype=object)
        order = np.argsort(-np.abs(values), axis=1, kind="stable")
        result = frame[["customer_id"]].copy() if "customer_id" in frame.columns else pd.DataFrame(index=frame.index)
        for place in range(3):
            known = place < len(names)
            result[f"covariate_{place + 1}"] = names[order[:, place]] if known else None
            chosen = np.take_along_axis(values, order[:, [place]], axis=1)[:, 0] if known else np.nan
            result[f"contribution_{place + 1}"] = chosen
        return result

    def contributions(self, frame: pd.DataFrame) -> pd.DataFrame:
        """What each covariate adds to the log hazard of the mean customer: frame's index, one column each."""
        return self._scored(frame).contributions.set_axis(frame.index, axis=0)

    def drivers(self, model: Literal["cox", "weibull"] = "cox") -> pd.DataFrame:
        """What drives the hazard: a row per covariate and level, by default of Cox's model.

        covariate, level ('' for a number, whose hazard ratio is per unit), reference, coefficient (log hazard ratio),
        hazard_ratio with its 95% interval ci_low to ci_high, p_value (Wald; hazard ratio 1), ph_p_value (Cox;
        proportional hazards of the covariate), treatment (what was done about it).
        """
        return self.drivers_[model].copy()

    def to_dict(self) -> dict[str, Any]:
        """Everything that scoring needs, fit for JSON; ``from_dict`` gives a model with identical scores."""
        drivers = {
            name: [
                {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in row.items()}
                for row in table.to_dict("records")
            ]
            for name, table in self.drivers_.items()
        }
        return {
            "settings": {
                "model": self.model, "references": self.references, "horizons_days": list(self.horizons_days),
                "remaining_days": self.remaining_days, "band_limits": list(self.band_limits), "folds": self.folds,
                "ph_alpha": self.ph_alpha, "random_state": self.random_state,
            },
            "champion": self.champion_, "rows": self.rows_, "design": self.design_, "models": self.models_,
            "drivers": drivers, "metrics": [metric._asdict() for metric in self.metrics_],
        }  # fmt: skip

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """The model that ``to_dict`` wrote."""
        model = cls(**state["settings"])
        model.champion_, model.rows_ = state["champion"], state["rows"]
        model.design_, model.models_ = state["design"], state["models"]
        model.reference_day_ = model.models_["cox"]["reference_day"]
        numbers = dict.fromkeys(DRIVER_COLUMNS[3:9], float)
        model.drivers_ = {
            name: pd.DataFrame(rows, columns=list(DRIVER_COLUMNS)).astype(numbers)
            for name, rows in state["drivers"].items()
        }
        model.metrics_ = [Metric(**metric) for metric in state["metrics"]]
        return model


# When to get in touch --------------------------------------------------------------------------------------


def contact_date(
    model: ChurnModel,
    frame: pd.DataFrame,
    as_of: object,
    days_before: int = 15,
    threshold: float = 0.7,
    horizon_days: int = 365,
    membership_column: str = "membership_expires_at",
) -> pd.DataFrame:
    """The best day to contact each customer.

    With a membership that has not lapsed: ``days_before`` days before it does, as_of if that is past. Without: the
    first day on which the chance that he is still a customer (``predict_survival``) is below ``threshold``.

    frame: as for ``predict_survival``, and if there are memberships their last day in ``membership_column``.
    Returns frame's customer_id, if it has one, best_contact_date (NaT if the chance stays above the threshold for
    horizon_days) and reason.
    Raises ValueError for a threshold outside 0 to 1 or negative days.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must lie between 0 and 1, not {threshold}")
    if days_before < 0 or horizon_days < 0:
        raise ValueError("days_before and horizon_days must not be negative")
    today = pd.Timestamp(as_of).normalize()
    # Survival falls, so the first day below the threshold is found by halving: one column at a time, not 365.
    low, high = np.full(len(frame), -1.0), np.full(len(frame), float(horizon_days + 1))
    scores = model._scored(frame)
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        below = model._conditional_survival(frame, middle[:, None], scores)[:, 0] < threshold
        low, high = np.where(below, low, middle), np.where(below, middle, high)
    due = high <= horizon_days
    date = pd.Series(today + pd.to_timedelta(np.where(due, high, 0), unit="D"), index=frame.index).where(due)
    reason = np.where(due, f"survival below {threshold:g}", f"survival above {threshold:g} for {horizon_days} days")
    if membership_column in frame.columns:
        expires = pd.to_datetime(frame[membership_column]).dt.normalize()
        member = (expires >= today).to_numpy()
        date = date.mask(member, (expires - pd.Timedelta(days=days_before)).clip(lower=today))
        reason = np.where(member, "membership lapses", reason)
    result = frame[["customer_id"]].copy() if "customer_id" in frame.columns else pd.DataFrame(index=frame.index)
    return result.assign(best_contact_date=date, reason=reason)
