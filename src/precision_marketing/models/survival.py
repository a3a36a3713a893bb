"""When customers leave: Kaplan-Meier curves, Cox's proportional hazards, Weibull's accelerated failure times.

The time of a customer runs in days from his entry. What is not over yet is *censored*: he has not left so far, more is
not known. Who was a customer before he came under observation is *left-truncated* (``entry_days``): those like him who
had left by then are not in the data, so he counts among those at risk from his entry on only.

*Champion.* The model with the higher cross-validated concordance, if the 95% interval of the difference leaves out 0.
(Customers are ranked by the mean of their life within the time seen. That orders strata too, whose hazards may cross.)
Otherwise Weibull: it is smooth, has two numbers where Cox has a table, and says something about days that nobody has
reached, where the customers are who stayed longest. Unless the losses it expects in four stretches of time are not
those that came (chi-square, out of fold, 1%) while Cox's are: a ranking as good with chances that are wrong is no tie.

Sources: Kaplan and Meier 1958; Harrell et al. 1982 (concordance); Kalbfleisch and Prentice, The statistical analysis
of failure time data (2002);
Davidson-Pilon, lifelines, JOSS 4 (2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from scipy import stats
from sklearn.model_selection import StratifiedKFold

from precision_marketing.models.hazards import (
    DRIVER_COLUMNS,
    MISSING,
    Lives,
    Scores,
    Z,
    apply_model,
    breslow,
    fit_models,
    observed_lives,
)
from precision_marketing.models.inputs import days_of, require_columns, require_unique_customers
from precision_marketing.models.training import Metric

HORIZONS_DAYS = (30, 60, 90)
REMAINING_DAYS = 365
MIN_EVENTS = 10


# Curves ----------------------------------------------------------------------------------------------------


def curves(frame: pd.DataFrame, segment_column: str, days: Sequence[float] = range(0, 721, 30)) -> pd.DataFrame:
    """Kaplan-Meier survival of each segment with pointwise 95% intervals (log-log, Greenwood's variance).

    frame: duration_days, is_churned, optionally entry_days, and the segment (missing: a segment of that name).
    Returns a row per segment and day, sorted: segment, day, survival, ci_low, ci_high, at_risk (customers who entered
    before that day, were not lost before it and are observed until then). Survival is NaN beyond the last day seen,
    unless it is 0 by then. No rows: no rows.
    """
    require_columns(frame, [segment_column])
    lives, at_risk = observed_lives(frame)
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


# Checking --------------------------------------------------------------------------------------------------


def _pairs(risk: np.ndarray, lives: Lives) -> tuple[np.ndarray, np.ndarray]:
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
    lives: Lives,
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
        design, models, _ = fit_models(learned, own, covariates, references, alpha)
        average = {"coefficients": [], "strata": [], "baselines": {"": breslow(own, np.zeros(train.sum()))}}
        scores = {name: apply_model(model, design, frame.iloc[test]) for name, model in models.items()}
        scores["average"] = apply_model(average, [], frame.iloc[test])
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
        require_columns(frame, ["duration_days", "is_churned", *covariates])
        if len(set(covariates)) < len(covariates):
            raise ValueError("a covariate is named twice")
        outcome = {"customer_id", "duration_days", "is_churned", "entry_days", "as_of_days"} & set(covariates)
        if outcome:
            raise ValueError(f"no covariates: {', '.join(sorted(outcome))}")
        if "customer_id" in frame.columns:
            require_unique_customers(frame)
            frame = frame.sort_values("customer_id")
        lives, at_risk = observed_lives(frame)
        frame = frame[at_risk].reset_index(drop=True)
        if lives.lost.sum() < MIN_EVENTS:
            raise ValueError(
                f"{lives.lost.sum()} of {len(frame)} customers were lost: {MIN_EVENTS} are needed to learn"
            )

        settings = (covariates, self.references, self.ph_alpha)
        self.design_, self.models_, self.drivers_ = fit_models(frame, lives, *settings)
        self.rows_, self.metrics_ = len(frame), []
        self.reference_day_ = self.models_["cox"]["reference_day"]
        self.champion_ = "weibull" if self.model == "auto" else self.model
        if self.folds:
            fold = fold_numbers(lives.lost, min(self.folds, int(lives.lost.sum())), self.random_state)
            checked = _cross_validate(frame, lives, *settings, fold)
            self.metrics_ = _metrics(checked, lives.lost)
            self.champion_ = _champion(checked) if self.model == "auto" else self.model
        return self

    def _scored(self, frame: pd.DataFrame) -> Scores:
        return apply_model(self.models_[self.champion_], self.design_, frame)

    def _conditional_survival(self, frame: pd.DataFrame, days: np.ndarray, scores: Scores | None = None) -> np.ndarray:
        """The chance not to be lost until ``days`` (k,) from now, given not lost until duration_days: (n, k)."""
        require_columns(frame, ["duration_days"])
        scores = scores or self._scored(frame)
        alive = days_of(frame, "duration_days")
        now = np.maximum(days_of(frame, "as_of_days", alive), alive)
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
