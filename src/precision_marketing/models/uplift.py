"""What an offer changes: the uplift of each customer, and whether the data can tell customers apart at all.

Uplift is the expected outcome with the offer minus the expected outcome without it. The learners are those of
``uplift_learners``; they are judged by the Qini coefficient on the g of ``qini``.

*Rule of choice.* Each customer is scored by models fitted to the customers of the other folds. The simplest candidate
leads whose Qini is below the highest by no more than one standard error of that difference. The average stands unless
what one half of the customers would choose has, on the other half, a Qini above 0 by more than one standard error. The
champion's uplift is then shrunk towards the average by the slope of g on its score, at
most 1, because learners exaggerate differences.

*No experiment, no cause.* Where the features tell who was treated, other causes may too. Then e is estimated, customers
whose e is close to 0 or 1 are left out of the judgement, and the verdict says that it is no experiment.

Sources: Chernozhukov, Demirer, Duflo and Fernández-Val, Econometrica 93 (2025), the slope; Crump, Hotz, Imbens and
Mitnik, Biometrika 96 (2009), overlap; those of ``qini`` and ``uplift_learners``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from precision_marketing.models.classification import stable_fraction
from precision_marketing.models.encoding import Encoder, Features
from precision_marketing.models.evaluation import customer_codes, delong
from precision_marketing.models.inputs import require_columns
from precision_marketing.models.qini import REPLICATES, Ranking, finite_numbers, gains, intervals, places_of, qini_curve
from precision_marketing.models.training import Candidate, Metric, Training, is_surely_ahead
from precision_marketing.models.uplift_learners import (
    BASELINE,
    CANDIDATES,
    MeanOutcome,
    Rows,
    fit_learners,
    make_learner,
)

FOLDS = 3
LEAST_ROWS = 50  # of each arm in the rows that a learner is fitted to
OVERLAP = 0.05  # an estimated chance of treatment closer to 0 or 1 compares with hardly anybody
SPLIT_AUC = 0.51  # a random split lies above it, with its whole interval, once in 40 times or less
BINS = 10

# Model -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UpliftModel:
    """A fitted learner on a frame, shrunk to what held-out customers confirm; it can be pickled.

    baseline: the outcome without the offer; slope and centre: uplift = average + slope * (score - centre);
    bins: uplift seen on held-out customers by score, with edge (lower limit of the score), ci_low and ci_high.
    """

    encoder: Encoder
    learner: Any
    baseline: MeanOutcome
    is_binary: bool
    average: float
    slope: float
    centre: float
    bins: pd.DataFrame

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """(n,) uplift in units of the outcome. Raises ValueError for absent columns and numbers that are none."""
        return self._uplift(self.encoder.transform(frame))

    def explain(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Per row of the frame: uplift, ci_low, ci_high, without_offer, with_offer.

        The interval, of 95%, is of the mean uplift of held-out customers with a score like this, not of this one
        customer, whom nobody sees both ways; NaN where nobody was held out. with_offer is without_offer and the uplift,
        for an outcome of 0 or 1 held between 0 and 1.
        """
        X = self.encoder.transform(frame)
        uplift, without = self._uplift(X), self.baseline.predict(X)
        with_offer = np.clip(without + uplift, 0, 1) if self.is_binary else without + uplift
        limits = np.full((len(frame), 2), np.nan)
        if len(self.bins):
            row = np.maximum(np.searchsorted(self.bins["edge"], self.learner.effect(X), side="right") - 1, 0)
            limits = self.bins[["ci_low", "ci_high"]].to_numpy()[row]
        return pd.DataFrame(
            {"uplift": uplift, "ci_low": limits[:, 0], "ci_high": limits[:, 1], "without_offer": without,
             "with_offer": with_offer}, index=frame.index,
        )  # fmt: skip

    def _uplift(self, X: np.ndarray) -> np.ndarray:
        return self.average + self.slope * (self.learner.effect(X) - self.centre)


# Training --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrainedUplift:
    """What ``train_uplift`` found.

    training: candidates and champion as the registry stores them. table: one row per candidate with candidate, qini,
    ci_low, ci_high, slope (of g on the score; 1: the spread of the uplift is right, 0: it is noise) and is_champion.
    gain: the Qini of what the other half of the customers would choose. effect: the average effect with its interval.
    is_sure: whether an experiment shows, with its whole interval, a Qini above 0. verdict: the same, and whether the
    effect is sure, in words. skipped: candidates that were not fitted, and why. held: rows that were judged, with
    customer, fold, outcome, treated, propensity, gain (g) and a column of scores per candidate.
    """

    training: Training
    table: pd.DataFrame
    gain: Metric
    effect: Metric
    is_sure: bool
    verdict: str
    skipped: Mapping[str, str]
    held: pd.DataFrame

    @property
    def model(self) -> UpliftModel:
        """The champion."""
        return next(c.model for c in self.training.candidates if c.algorithm == self.training.champion)


def train_uplift(
    frame: pd.DataFrame,
    treated: str,
    outcome: str,
    features: Features,
    customer: str,
    *,
    propensity: str | None = None,
    is_experiment: bool = True,
    candidates: Sequence[str] = CANDIDATES,
    random_state: int = 0,
) -> TrainedUplift:
    """Fit the learners, judge them on customers whom they did not see, and choose by the rule of the module.

    frame: one row per customer and treatment or control; treated: column of 0 and 1; outcome: column of 0 and 1 (or
    booleans), or of money; customer: column of ids, all rows of a customer are in one fold; propensity: column of the
    chances with which treatment was drawn, by default the share treated. is_experiment: whether treatment was drawn at
    random; if not, the propensity, unless given, is estimated from the features, which removes no hidden cause.

    With fewer than ``LEAST_ROWS`` rows in an arm of some fold, or features that are all constant, only the average is
    fitted (see ``skipped``). Raises ValueError for no rows, absent columns, missing values in treated, outcome,
    customer or propensity, treatment other than 0 and 1 or all of one kind, an unknown candidate, and a feature that is
    treatment, outcome, customer or propensity.
    """
    features = Features(*map(tuple, features))
    named = {"treatment": treated, "outcome": outcome, "customer": customer, "propensity": propensity}
    for role, column in named.items():
        if column in (*features.numeric, *features.categorical):
            raise ValueError(f"{column} is the {role} and cannot be a feature")
    require_columns(frame, [*filter(None, named.values()), *features.numeric, *features.categorical])
    if not len(frame):
        raise ValueError("there are no rows to train on")
    if frame[customer].isna().any():
        raise ValueError(f"{customer} holds missing values")
    t, y = finite_numbers(treated, frame[treated]), finite_numbers(outcome, frame[outcome])
    known = None if propensity is None else finite_numbers(propensity, frame[propensity])
    gains(y, t, known)
    names = [name for name in CANDIDATES if name == BASELINE or name in candidates]
    for name in candidates:
        make_learner(name, True)

    is_binary = bool(np.isin(y, (0, 1)).all())
    keys = frame[customer].to_numpy()
    folds = (stable_fraction(keys, "uplift") * FOLDS).astype(int)
    encoder = Encoder(*features)
    X = encoder.fit_transform(frame)
    can_guess = X.shape[1] and all(0 < t[folds != fold].sum() < (folds != fold).sum() for fold in np.unique(folds))
    guessed = _guess_treatment(X, t, folds) if can_guess else np.full(len(t), t.mean())
    chance = known if known is not None else np.full(len(t), t.mean()) if is_experiment else guessed
    judged = (chance > OVERLAP) & (chance < 1 - OVERLAP) if not is_experiment else np.ones(len(t), bool)
    if not 0 < t[judged].sum() < judged.sum():
        raise ValueError("treated and untreated customers do not overlap: no customer could have been either")
    reason = _reason_against_learners(X[judged], t[judged], folds[judged])
    names, skipped = (names, {}) if not reason else ([BASELINE], {n: reason for n in names if n != BASELINE})
    chance = np.clip(chance, 1e-6, 1 - 1e-6) if known is None else chance

    rows = Rows(X, t, y, chance)
    scores, expected = (None, None) if reason else _out_of_fold(names, rows, folds, judged, is_binary, random_state)
    held = pd.DataFrame(0.0 if scores is None else scores, index=frame.index, columns=names)
    held = held.assign(
        customer=keys, fold=folds, outcome=y, treated=t, propensity=chance, gain=gains(y, t, chance, expected)
    )[judged]
    table, gain, effect = _judge(held, names, random_state)
    leader = _leader(held, {name: _places_within(held, name) for name in names})
    champion = leader if is_surely_ahead(gain) else BASELINE
    table["is_champion"] = table["candidate"] == champion

    auc = _treatment_auc(held["treated"].to_numpy(), guessed[judged], held["customer"].to_numpy())
    learners, outcomes = fit_learners(names, rows.where(judged), is_binary, random_state)
    made = []
    for row in table.itertuples():
        learner, bins, places = learners[row.candidate], _bins(held, row.candidate), _places_within(held, row.candidate)
        slope, centre = float(np.clip(np.nan_to_num(row.slope), 0, 1)), float(learner.effect(X[judged]).mean())
        model = UpliftModel(encoder, learner, outcomes.arms_[0], is_binary, effect.value, slope, centre, bins)
        metrics = [Metric("qini", row.qini, row.ci_low, row.ci_high, 0.0, len(held)), effect, *auc]
        metrics += [Metric("calibration_slope", row.slope, rows=len(held))] * bool(np.isfinite(row.slope))
        metrics += [gain] * (row.candidate == champion != BASELINE)
        guesses = None if expected is None else expected[judged]
        tables = {"qini_curve": qini_curve(y[judged], t[judged], places, chance[judged], expected=guesses),
                  "uplift_by_score": bins}  # fmt: skip
        parameters = {"is_experiment": is_experiment, "folds": FOLDS, "slope": slope}
        made.append(Candidate(row.candidate, model, metrics, parameters, tables))
    is_random = is_experiment and (propensity is not None or not any((one.ci_low or 0) > SPLIT_AUC for one in auc))
    is_sure = is_random and champion != BASELINE and gain.ci_low is not None and gain.ci_low > 0
    verdict = _verdict(champion, gain, effect, auc, skipped, is_experiment, is_random)
    return TrainedUplift(Training(made, champion, len(frame)), table, gain, effect, is_sure, verdict, skipped, held)


def _reason_against_learners(X: np.ndarray, treated: np.ndarray, folds: np.ndarray) -> str:
    """Why nothing but the average can be fitted; '' if learners can."""
    if not X.shape[1]:
        return "every feature is constant"
    left = [((treated == arm) & (folds != fold)).sum() for arm in (0, 1) for fold in range(FOLDS)]
    return f"needs {LEAST_ROWS} rows in each arm, has {min(left)}" if min(left) < LEAST_ROWS else ""


def _out_of_fold(
    names: list[str],
    rows: Rows,
    folds: np.ndarray,
    judged: np.ndarray,
    is_binary: bool,
    random_state: int,
) -> tuple[np.ndarray, np.ndarray]:
    """(n, names) scores and (n, 2) outcomes without and with treatment, by learners of the other folds."""
    X = rows.X
    scores, expected = np.empty((len(X), len(names))), np.empty((len(X), 2))
    for fold in np.unique(folds):
        here, others = folds == fold, (folds != fold) & judged
        learners, outcomes = fit_learners(names, rows.where(others), is_binary, random_state)
        expected[here] = outcomes.outcomes(X[here])
        scores[here] = np.column_stack([learners[name].effect(X[here]) for name in names])
    return scores, expected


def _guess_treatment(X: np.ndarray, treated: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """(n,) chances of treatment by a logistic regression on the customers of the other folds."""
    chance = np.empty(len(treated))
    for fold in np.unique(folds):
        here = folds == fold
        chance[here] = MeanOutcome("linear", True).fit(X[~here], treated[~here]).predict(X[here])
    return chance


def _treatment_auc(treated: np.ndarray, guessed: np.ndarray, customers: np.ndarray) -> list[Metric]:
    """How well the features tell who was treated: 0.5 in an experiment. None where a fold could not be guessed."""
    if np.ptp(guessed) == 0:
        return []
    (auc,), ((variance,),) = delong(treated, guessed, customers)
    half = 1.96 * np.sqrt(variance)
    return [Metric("treatment_auc", float(auc), float(auc - half), float(auc + half), 0.5, len(treated))]


def _places_within(held: pd.DataFrame, name: str) -> np.ndarray:
    """(n,) places by score among the customers of the same fold, whom one model scored."""
    return held.groupby("fold")[name].transform(lambda score: places_of(score.to_numpy())).to_numpy()


def _judge(held: pd.DataFrame, names: list[str], random_state: int) -> tuple[pd.DataFrame, Metric, Metric]:
    """The table of candidates, the gain of an honest choice, and the average effect."""
    gain, codes = held["gain"].to_numpy(), customer_codes(held["customer"].to_numpy(), len(held))
    places = {name: _places_within(held, name) for name in names}
    is_first = stable_fraction(held["customer"].to_numpy(), "judge") < 0.5
    honest = np.full(len(held), 0.5)
    for half in (is_first, ~is_first):
        if half.any() and not half.all():
            chosen = _leader(held[~half], {name: place[~half] for name, place in places.items()})
            honest[half] = places[chosen][half]
    rankings = [Ranking(gain, place) for place in (*places.values(), honest)]

    def figures(weights: np.ndarray) -> list[float]:
        return [*(ranking(weights) for ranking in rankings), float(weights @ gain / weights.sum())]

    values = figures(np.ones(len(held)))
    limits = intervals(figures, codes, REPLICATES, random_state)
    table = pd.DataFrame({
        "candidate": names, "qini": values[: len(names)], "ci_low": [low for low, _ in limits[: len(names)]],
        "ci_high": [high for _, high in limits[: len(names)]], "slope": [_slope(held, name) for name in names],
    })  # fmt: skip
    return (table, Metric("qini_gain", values[-2], *limits[-2], 0.0, len(held)),
            Metric("average_effect", values[-1], *limits[-1], 0.0, len(held)))  # fmt: skip


def _leader(held: pd.DataFrame, places: Mapping[str, np.ndarray]) -> str:
    """The simplest candidate within one standard error of the highest Qini; customers vary, not rows."""
    parts = {name: held["gain"].to_numpy() * (place - 0.5) for name, place in places.items()}
    best = max(parts, key=lambda name: parts[name].mean())
    codes = customer_codes(held["customer"].to_numpy(), len(held))
    for name in parts:
        behind = parts[best] - parts[name]
        deviation = np.bincount(codes, behind - behind.mean())
        if behind.mean() <= np.sqrt(deviation @ deviation) / len(held):
            return name
    return best


def _slope(held: pd.DataFrame, name: str) -> float:
    """Least-squares slope of g on a score, within folds; NaN for a constant score."""
    groups = held.groupby("fold")
    score = (held[name] - groups[name].transform("mean")).to_numpy()
    spread = score @ score
    return float(score @ held["gain"].to_numpy() / spread) if spread > 1e-12 * len(held) else float("nan")


def _bins(held: pd.DataFrame, name: str) -> pd.DataFrame:
    """Uplift seen by tenth of the score: edge, rows, mean_score, uplift, ci_low, ci_high; customers vary, not rows."""
    score = held[name].to_numpy()
    edges = np.unique(np.quantile(score, np.linspace(0, 1, BINS + 1)[1:-1]))
    codes = np.searchsorted(edges, score, side="right")
    rows = []
    for code in np.unique(codes):
        own = held[codes == code]
        deviation = (own["gain"] - own["gain"].mean()).groupby(own["customer"]).sum().to_numpy()
        count = len(deviation)
        half = 1.96 * np.sqrt(deviation @ deviation * count / (count - 1)) / len(own) if count > 1 else np.inf
        lower = -np.inf if code == 0 else edges[code - 1]
        rows.append((lower, len(own), own[name].mean(), own["gain"].mean(), own["gain"].mean() - half,
                     own["gain"].mean() + half))  # fmt: skip
    return pd.DataFrame(rows, columns=["edge", "rows", "mean_score", "uplift", "ci_low", "ci_high"])


def _verdict(
    champion: str,
    gain: Metric,
    effect: Metric,
    auc: list[Metric],
    skipped: Mapping[str, str],
    is_experiment: bool,
    is_random: bool,
) -> str:
    """Clauses: is the uplift sure, is the effect sure, was it an experiment."""
    if skipped:
        said = [f"uplift cannot be told: {next(iter(skipped.values()))}; all get the average effect"]
    elif champion == BASELINE or gain.ci_low is None or gain.ci_low <= 0:
        said = [f"uplift is not surely better than treating all alike (Qini {gain.value:.4g}, {_limits(gain)})"]
    else:
        said = [f"uplift by {champion} is better than treating all alike (Qini {gain.value:.4g}, {_limits(gain)})"]
    sure = effect.ci_low is not None and effect.ci_high is not None and (effect.ci_low > 0 or effect.ci_high < 0)
    not_sure = "" if sure else "not surely other than 0: "
    said.append(f"the average effect is {not_sure}{effect.value:.4g}, {_limits(effect)}")
    told = f"the features tell the treated with ROC-AUC {auc[0].value:.2f}, {_limits(auc[0])}" if auc else ""
    if not is_experiment:
        said.append("this is no experiment: who was chosen may explain the difference" + (f" ({told})" if told else ""))
    elif not is_random:
        said.append(f"the split does not look random ({told}): check how customers were assigned")
    return "; ".join(said)


def _limits(metric: Metric) -> str:
    return "no interval" if metric.ci_low is None else f"95% interval {metric.ci_low:.4g} to {metric.ci_high:.4g}"
