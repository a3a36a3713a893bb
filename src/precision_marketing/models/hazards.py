"""Hazard models of leaving: Cox's proportional hazards and Weibull's accelerated failure times.

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

Sources: Cox 1972; Breslow 1974; Grambsch and Therneau, Biometrika 81 (1994); Holm 1979; Kalbfleisch and Prentice, The
statistical analysis of failure time data (2002); Davidson-Pilon, lifelines, JOSS 4 (2019).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, WeibullAFTFitter, WeibullFitter
from lifelines.exceptions import ConvergenceError, StatError
from scipy import stats

from precision_marketing.models.experiments import holm
from precision_marketing.models.inputs import days_of, require_columns, require_unique_customers

MIN_STRATUM_EVENTS = 20
MAX_LEVELS = 20  # of a category; the others share one, for a coefficient each would say nothing of them
OTHER = "(other)"
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
UNFITTED = "dropped: the model does not converge with it"


class Lives(NamedTuple):
    """Days of entry and of the end of observation, and whether it ended with a loss; arrays (n,)."""

    entry: np.ndarray
    end: np.ndarray
    lost: np.ndarray

    def take(self, rows: np.ndarray) -> Lives:
        return Lives(self.entry[rows], self.end[rows], self.lost[rows])


def observed_lives(frame: pd.DataFrame) -> tuple[Lives, np.ndarray]:
    """The lives of the rows that spent time at risk, and which rows those are (n,)."""
    require_columns(frame, ["duration_days", "is_churned"])
    require_unique_customers(frame)
    if frame["is_churned"].isna().any():
        raise ValueError(f"is_churned is missing in {int(frame['is_churned'].isna().sum())} rows")
    if not frame["is_churned"].isin([0, 1]).all():
        raise ValueError("is_churned must be true or false")
    lost = frame["is_churned"].to_numpy(dtype=bool)
    end, entry = days_of(frame, "duration_days"), days_of(frame, "entry_days", np.zeros(len(frame)))
    end = np.where(lost & (end == 0), FIRST_DAY, end)
    if (lost & (end <= entry)).any():
        raise ValueError("duration_days of a lost customer must be after entry_days")
    at_risk = end > entry
    return Lives(entry, end, lost).take(at_risk), at_risk


# Covariates ------------------------------------------------------------------------------------------------


def _texts(values: pd.Series) -> np.ndarray:
    return values.astype("object").where(values.notna(), MISSING).astype(str).to_numpy(dtype=object)


def _frequent(texts: np.ndarray, reference: str | None) -> np.ndarray:
    """Levels (n,), with ``OTHER`` for all but the ``MAX_LEVELS`` most frequent; the reference is kept."""
    levels, counts = np.unique(texts, return_counts=True)
    if len(levels) <= MAX_LEVELS:
        return texts
    kept = [*levels[np.lexsort((levels, -counts))][:MAX_LEVELS], reference]
    return np.where(np.isin(texts, kept), texts, OTHER)


def _known_levels(frame: pd.DataFrame, rule: Mapping[str, Any]) -> np.ndarray:
    """Levels (n,) as at the fit: a rare one, or one that was not there, is ``OTHER`` if that was."""
    texts = _texts(frame[rule["covariate"]])
    return np.where(np.isin(texts, list(rule["levels"])), texts, OTHER) if OTHER in rule["levels"] else texts


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

    A number is one column; a category one per level but its reference; rare levels beyond ``MAX_LEVELS`` share one.
    Columns that are constant or a linear combination of those before them are left out: what they say is said already.
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
            levels, counts = np.unique(_frequent(_texts(frame[name]), references.get(name)), return_counts=True)
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
        texts = _known_levels(frame, rule)
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
        texts = _known_levels(frame, rule)
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


def _at_risk(values: np.ndarray, lives: Lives, days: np.ndarray) -> np.ndarray:
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
    lives = Lives(*lives)
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


def breslow(lives: Lives, log_hazard: np.ndarray) -> dict[str, Any]:
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


class NoConvergence(ValueError):
    """The model has no solution with these covariates that can be found."""


def _quietly(fit: Any) -> Any:
    """What ``fit(penalizer)`` returns, with a firmer ridge if it does not converge. Raises NoConvergence."""
    for penalizer in (RIDGE, 100 * RIDGE):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fitted = fit(penalizer)
        except (ConvergenceError, StatError, ArithmeticError, np.linalg.LinAlgError) as error:
            failure = str(error)
            continue
        if np.isfinite(fitted.params_.to_numpy()).all() and np.isfinite(fitted.variance_matrix_.to_numpy()).all():
            return fitted
        failure = "its estimates or their errors are not finite"
    raise NoConvergence(f"the model does not converge on these covariates: {failure}")


def _lifelines_frame(matrix: np.ndarray, lives: Lives) -> tuple[pd.DataFrame, dict[str, Any]]:
    frame = pd.DataFrame(matrix, columns=[f"x{place}" for place in range(matrix.shape[1])])
    frame = frame.assign(end=lives.end, lost=lives.lost)
    if not lives.entry.any():
        return frame, {"duration_col": "end", "event_col": "lost"}
    return frame.assign(entry=lives.entry), {"duration_col": "end", "event_col": "lost", "entry_col": "entry"}


def _cox_coefficients(matrix: np.ndarray, lives: Lives, strata: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (p,) and their variance (p, p)."""
    if matrix.shape[1] == 0:
        return np.empty(0), np.empty((0, 0))
    frame, names = _lifelines_frame(matrix, lives)
    if strata is not None:
        frame, names = frame.assign(stratum=pd.factorize(strata)[0]), names | {"strata": ["stratum"]}
    fitted = _quietly(lambda penalizer: CoxPHFitter(penalizer=penalizer).fit(frame, **names))
    return fitted.params_.to_numpy(), fitted.variance_matrix_.to_numpy()


def _fit_cox(
    frame: pd.DataFrame, lives: Lives, design: Sequence[Mapping[str, Any]], alpha: float
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
    baselines = {"": breslow(lives, log_hazard)}
    if strata is not None:
        for stratum in np.unique(strata):
            rows = strata == stratum
            baselines[stratum] = breslow(lives.take(rows), log_hazard[rows])
    return {"coefficients": coefficients.tolist(), "strata": names, "baselines": baselines}, reported


# Weibull ---------------------------------------------------------------------------------------------------


def _fit_weibull(
    frame: pd.DataFrame, lives: Lives, design: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The model as plain numbers, and what ``drivers`` reports.

    log T = a + b x + error / shape, so the log hazard is -shape b x; its standard error by the delta method.
    """
    matrix = _encode(frame, design)
    if matrix.shape[1] == 0:
        try:
            fitted = _quietly(lambda _: WeibullFitter().fit(lives.end, lives.lost, entry=lives.entry))
            baseline = {"shape": float(fitted.rho_), "scale_days": float(fitted.lambda_)}
        except NoConvergence:  # such as where all are lost on one day: a constant hazard, losses per day at risk
            days = float((lives.end - lives.entry).sum())
            baseline = {"shape": 1.0, "scale_days": days / float(lives.lost.sum())}
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


class Scores(NamedTuple):
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


def apply_model(model: Mapping[str, Any], design: Sequence[Mapping[str, Any]], frame: pd.DataFrame) -> Scores:
    require_columns(
        frame, [rule["covariate"] for rule in design if rule["columns"] or rule["covariate"] in model["strata"]]
    )
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
    return Scores(pd.DataFrame(contributions, index=range(len(frame))), strata, log_hazard, model)


def _reference(model: dict[str, Any], design: Sequence[Mapping[str, Any]], frame: pd.DataFrame, day: float) -> None:
    """Adds the day at which strata are compared and the mean log of their cumulative hazard on it."""
    strata = _strata(frame, design, model["strata"])
    hazard = _baseline_hazard(model, strata, np.full((len(frame), 1), day))
    model |= {"reference_day": float(day), "mean_log_baseline": float(np.log(hazard).mean())}


def _fit_both(
    frame: pd.DataFrame, lives: Lives, design: Sequence[Mapping[str, Any]], alpha: float
) -> tuple[tuple[dict[str, Any], dict[str, Any]], tuple[dict[str, Any], dict[str, Any]]]:
    """Cox's and Weibull's model with their reports. Raises NoConvergence."""
    return _fit_cox(frame, lives, design, alpha), _fit_weibull(frame, lives, design)


def _is_fitted(frame: pd.DataFrame, lives: Lives, design: Sequence[Mapping[str, Any]], alpha: float) -> bool:
    try:
        _fit_both(frame, lives, design, alpha)
    except NoConvergence:
        return False
    return True


def fit_models(
    frame: pd.DataFrame, lives: Lives, covariates: Sequence[str], references: Mapping[str, str], alpha: float
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]], dict[str, pd.DataFrame]]:
    """The design, both models as plain numbers, and the drivers of both.

    Covariates with which a model does not converge are left out, and the drivers say so: those that fail alone, or all
    where the rest fails together. Without covariates everybody is at the same risk.
    """
    design, dropped = _learn_design(frame, covariates, references)
    models, reports = {}, {}
    try:
        found = _fit_both(frame, lives, design, alpha)
    except NoConvergence:
        kept = [rule for rule in design if not rule["columns"] or _is_fitted(frame, lives, [rule], alpha)]
        if not _is_fitted(frame, lives, kept, alpha):
            kept = [rule for rule in design if not rule["columns"]]
        lost = [rule for rule in design if rule not in kept]
        dropped |= {(rule["covariate"], level): UNFITTED for rule in lost for level in rule["columns"]}
        design = [rule if rule in kept else rule | {"columns": []} for rule in design]
        found = _fit_both(frame, lives, design, alpha)
    for name, (model, report) in zip(("cox", "weibull"), found, strict=True):
        models[name], reports[name] = model, report
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
