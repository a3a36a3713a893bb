"""What a proposed mix would have brought, from a log of another mix, before anyone acts on it.

The log has for each impression the context x, the action a (channel, offer), the reward r and the propensity p: the
probability with which the action was chosen there and then. The proposal gives each action a probability pi(a | x).
With the weight w = pi(a | x) / p, three estimates of its mean reward:

    ips            mean of  w r
    snips          sum of w r / sum of w
    doubly_robust  mean of  sum over a of pi(a | x) q(x, a)  +  w (r - q(x, a))

*ips*, inverse propensity scoring, is unbiased. *snips*, self-normalised, has a bias that vanishes with the sample and
usually less variance. *doubly_robust* has the variance of what a model q of the reward leaves unexplained, and needs
no faith in that model: where the propensities are right it is unbiased whatever q says. q is ridge regression on
actions, contexts and their pairs, cross-fitted: no impression is foretold by a model that has seen it or its customer.

*Intervals.* Each estimate is a mean of terms, for snips after linearisation. With a customer_id the terms are added up
by customer, whose impressions are not independent. Rewards are rare and weights uneven, so the terms are skewed, and
estimate -+ 1.96 standard errors misses the truth too often, above. Hall's transformation takes out the skewness.
The gain is the estimate less the mean reward of the log, term by term, so what both have in common cancels.

*When there is no answer.* Propensities are never made up. Without them, with ones that cannot be, or where the
proposal does what the log never did, method is 'none' and the reason says which. Weights have a mean of 1 if the
propensities are those by which the log was made; where they are far from it, nothing is estimated from them either.

Sources: Horvitz and Thompson, J. Am. Statist. Assoc. 47 (1952), ips; Swaminathan and Joachims, "The self-normalized
estimator for counterfactual learning", NeurIPS 28 (2015), snips; Dudik, Erhan, Langford and Li, "Doubly robust policy
evaluation and optimization", Statist. Sci. 29 (2014); Chernozhukov et al., "Double/debiased machine learning",
Econometrics J. 21 (2018), cross-fitting; Kish, "Survey sampling" (1965), effective sample size; Hall, "On the removal
of skewness by transformation", J. R. Statist. Soc. B 54 (1992); Saito, Aihara, Matsutani and Narita, "Open Bandit
dataset and pipeline", NeurIPS Datasets (2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import clone
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import OneHotEncoder

from precision_marketing.models.inputs import require_columns

ALPHA = 0.05
FOLDS = 5
WEIGHTS_ALPHA = 0.001  # wrong propensities refuse an evaluation, so a false alarm is to be rare
MISSING_MASS = 0.01  # of the proposal, which the log may lack; it biases the value by that times a reward
FEWEST_TERMS = 5  # that carry an estimate: below, intervals cover too seldom, and nothing is decided
METHODS = ("ips", "snips", "doubly_robust")
VALUE_COLUMNS = ("method", "value", "ci_low", "ci_high", "standard_error", "logged_value", "gain", "gain_low",
                 "gain_high", "effective_sample_size", "impressions", "customers", "mean_weight", "largest_weight",
                 "decision", "reason")  # fmt: skip


class Interval(NamedTuple):
    """An estimate, its standard error and its interval."""

    value: float
    standard_error: float
    low: float
    high: float


# Intervals -------------------------------------------------------------------------------------------


def skewed_interval(terms: np.ndarray, groups: np.ndarray, alpha: float = ALPHA) -> Interval:
    """The mean of terms (n,) and its interval with confidence 1 - alpha, by Hall's cubic transformation.

    groups: (n,) integers from 0; terms of one group may depend on each other. With g groups and t = (mean - truth) /
    error, Hall's t + s t^2 / (3 sqrt g) + s^2 t^3 / (27 g) + s / (6 sqrt g), s the skewness, is near to normal, and its
    inverse applied to the quantiles of Student's t gives the ends. Without skewness it is the usual interval. Infinite
    with fewer than two groups.
    """
    n, g = len(terms), int(groups.max()) + 1 if len(groups) else 0
    mean = float(terms.mean()) if n else np.nan
    if g < 2:
        return Interval(mean, np.inf, -np.inf, np.inf)
    sums = np.bincount(groups, terms - mean, minlength=g)
    spread = float(np.sqrt((sums**2).mean()))
    error = spread * g / n * np.sqrt(1 / (g - 1))
    if spread <= 1e-12 * np.abs(terms).max():  # constant but for rounding
        return Interval(mean, 0.0, mean, mean)
    step = float((sums**3).mean()) / spread**3 / np.sqrt(g)
    quantile = stats.t.ppf(1 - alpha / 2, g - 1)
    return Interval(mean, error, mean - error * _unskewed(quantile, step), mean - error * _unskewed(-quantile, step))


def _unskewed(quantile: float, step: float) -> float:
    """The t whose transform is the quantile; step: skewness / sqrt(groups)."""
    if abs(step) < 1e-9:
        return quantile
    return float(3 / step * (np.cbrt(1 + step * (quantile - step / 6)) - 1))


# Estimates -------------------------------------------------------------------------------------------


def effective_sample_size(weights: np.ndarray) -> float:
    """How many equally weighted impressions say as much: (sum w)^2 / sum w^2, 0 where all weights are 0."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def terms_that_count(terms: np.ndarray) -> float:
    """How many of the terms (n,) carry the spread of their mean: (sum of squares)^2 / sum of fourth powers, centred.

    The number of clicks where few impressions are clicked and weights are even; a third of n for normal terms; 0
    without spread.
    """
    squares = (terms - terms.mean()) ** 2
    fourth = float((squares**2).sum())
    return float(squares.sum()) ** 2 / fourth if fourth > 0 else 0.0


def estimate_terms(weights: np.ndarray, rewards: np.ndarray, foretold: np.ndarray, direct: np.ndarray) -> dict:
    """Per method the terms (n,) whose mean is the estimate.

    foretold: q(x, a) of the action taken; direct: sum over a of pi(a | x) q(x, a). The terms of snips are linearised
    around the estimate.
    """
    normal = (weights * rewards).sum() / weights.sum()
    return {
        "ips": weights * rewards,
        "snips": normal + weights * (rewards - normal) / weights.mean(),
        "doubly_robust": direct + weights * (rewards - foretold),
    }


def foretell(
    contexts: np.ndarray, actions: np.ndarray, rewards: np.ndarray, pi: np.ndarray, groups: np.ndarray, model: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Cross-fitted rewards: of the action taken, and of the proposal on average, (n,) each.

    contexts, actions: (n,) integers from 0; pi: (contexts, actions), the proposal; groups: (n,) integers from 0, each
    of which stays in one fold, at least two; model: unfitted, in scikit-learn's manner.
    """
    every = np.stack(np.meshgrid(*map(np.arange, pi.shape), indexing="ij"), axis=-1).reshape(-1, 2)
    every = np.column_stack([every, every[:, 0] * pi.shape[1] + every[:, 1]])
    taken = contexts * pi.shape[1] + actions
    encoded = OneHotEncoder().fit_transform(every)
    foretold, direct = np.zeros(len(rewards)), np.zeros(len(rewards))
    for fold in range(min(FOLDS, groups.max() + 1)):
        test = groups % FOLDS == fold
        q = clone(model).fit(encoded[taken[~test]], rewards[~test]).predict(encoded)
        foretold[test] = q[taken[test]]
        direct[test] = (pi * q.reshape(pi.shape)).sum(axis=1)[contexts[test]]
    return foretold, direct


def evaluate_policy(
    log: pd.DataFrame,
    policy: pd.DataFrame,
    *,
    contexts: Sequence[str] = ("context",),
    clip: float | None = None,
    outcome_model: Any = None,
    alpha: float = ALPHA,
) -> pd.DataFrame:
    """The mean reward that a proposal would have had, by three estimators, or the reason why nobody can know.

    log: one row per impression with the columns of ``contexts``, action, reward, propensity (0 to 1, of the action
    taken) and perhaps customer_id, by which intervals are then clustered. policy: the columns of ``contexts``, action,
    probability, which adds up to 1 in each context. clip: cuts weights that are larger, which biases the estimates and
    is said in the reason; by default none is cut. outcome_model: of the reward, in scikit-learn's manner, given
    indicators of context, action and pair; by default ridge regression with its penalty chosen by generalised
    cross-validation.

    Returns ``VALUE_COLUMNS``, one row per method: value and its interval with confidence 1 - alpha, in units of the
    reward per impression; logged_value, the mean reward of the log, and the gain over it; effective_sample_size, the
    number of equally weighted impressions; decision: 'better' or 'worse' than what is done now where the interval of
    the gain leaves out 0, else 'undecided'. If nothing can be estimated there is one row with the method 'none', the
    decision 'none' and the reason. Impressions without propensity are left out, and the reason says how many.
    Raises ValueError, which names the column, for absent columns, missing keys, rewards that are missing or infinite,
    probabilities that are negative or do not add up to 1, an action twice, contexts of the log without a proposal.
    """
    contexts = list(contexts)
    if not contexts:
        raise ValueError("contexts names no column")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip must be positive, not {clip}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    log, policy = _checked_log(log, contexts), _checked_policy(policy, contexts)
    if log.empty:
        return _refused(log, "no logged impressions")
    known = log[log["propensity"].notna()]
    if known.empty:
        return _refused(log, "no propensities")
    outside = int((~known["propensity"].between(0, 1, inclusive="right")).sum())
    if outside:
        return _refused(log, f"propensities outside (0, 1] in {outside} impressions")
    notes = [f"{len(log) - len(known)} impressions without propensity are left out"] if len(known) < len(log) else []

    coded = _coded(known, policy, contexts)
    if coded.missing_mass > MISSING_MASS:
        return _refused(
            known, f"no overlap: {coded.missing_mass:.1%} of the proposal was never logged: {coded.missing}"
        )
    if coded.missing_mass > 0:
        notes.append(f"{coded.missing_mass:.2%} of the proposal was never logged: {coded.missing}")
    groups = _groups(known)
    if groups.max() < 1:
        return _refused(known, "a single customer or impression gives no interval")
    propensity, rewards = known["propensity"].to_numpy(), known["reward"].to_numpy()
    if rewards.min() == rewards.max():
        return _refused(known, f"every logged reward is {rewards[0]:g}: the log tells no actions apart")
    weights = coded.pi[coded.context, coded.action] / propensity
    mean_weight = skewed_interval(weights, groups, WEIGHTS_ALPHA)
    if mean_weight.high < 1 - coded.missing_mass - 1e-9 or mean_weight.low > 1 + 1e-9:
        return _refused(known, f"weights average {mean_weight.value:.3g}, not 1: "
                        "the propensities are not those of this log")  # fmt: skip
    if clip is not None and (weights > clip).any():
        notes.append(f"{int((weights > clip).sum())} weights cut to {clip:g}, so the values are biased")
        weights = np.minimum(weights, clip)

    model = RidgeCV(alphas=(1.0, 10.0, 100.0, 1000.0)) if outcome_model is None else outcome_model
    foretold, direct = foretell(coded.context, coded.action, rewards, coded.pi, groups, model)
    effective, rows = effective_sample_size(weights), []
    for method, terms in estimate_terms(weights, rewards, foretold, direct).items():
        value, gain = (skewed_interval(part, groups, alpha) for part in (terms, terms - rewards))
        decision, reason = _decision(gain, terms_that_count(terms))
        rows.append((method, value.value, value.low, value.high, value.standard_error, rewards.mean(), gain.value,
                     gain.low, gain.high, effective, len(known), groups.max() + 1, mean_weight.value, weights.max(),
                     decision, "; ".join([reason, *notes])))  # fmt: skip
    return pd.DataFrame(rows, columns=list(VALUE_COLUMNS))


def _decision(gain: Interval, terms: float) -> tuple[str, str]:
    if gain.standard_error == 0:
        return "undecided", "the proposal does what the log did"
    if terms < FEWEST_TERMS:
        return "undecided", f"the estimate rests on about {terms:.0f} impressions: too few to decide"
    if gain.low <= 0 <= gain.high:
        return "undecided", "the data does not support a choice"
    return ("better", "surely better than now") if gain.low > 0 else ("worse", "surely worse than now")


def _refused(log: pd.DataFrame, reason: str) -> pd.DataFrame:
    """The one row that says why there is no estimate."""
    row: dict[str, Any] = dict.fromkeys(VALUE_COLUMNS, np.nan)
    row.update(method="none", decision="none", reason=reason, impressions=len(log), logged_value=log["reward"].mean())
    return pd.DataFrame([row], columns=list(VALUE_COLUMNS))


# Input -----------------------------------------------------------------------------------------------


class Coded(NamedTuple):
    """Log and proposal by number: context and action of each impression, pi (contexts, actions), and what of the
    proposal the log never took: its mass, and its names."""

    context: np.ndarray
    action: np.ndarray
    pi: np.ndarray
    missing_mass: float
    missing: str


def _coded(log: pd.DataFrame, policy: pd.DataFrame, contexts: list[str]) -> Coded:
    context, names = pd.factorize(pd.MultiIndex.from_frame(log[contexts]))
    place = names.get_indexer(pd.MultiIndex.from_frame(policy[contexts]))
    absent = np.setdiff1d(np.arange(len(names)), place)
    if len(absent):
        raise ValueError(f"the proposal lacks contexts of the log: {_listed([_named(names[i]) for i in absent])}")
    policy, place = policy[place >= 0], place[place >= 0]
    action, actions = pd.factorize(pd.concat([log["action"], policy["action"]], ignore_index=True))
    pi, seen = np.zeros((len(names), len(actions))), np.zeros((len(names), len(actions)), bool)
    pi[place, action[len(log) :]] = policy["probability"].to_numpy()
    seen[context, action[: len(log)]] = True
    frequency = np.bincount(context) / len(log)
    lacking = np.where(seen, 0, pi) * frequency[:, None]
    # Actions that were never taken anywhere go by their name, the others with the context.
    nowhere = [str(actions[a]) for a in np.flatnonzero((pi > 0).any(axis=0) & ~seen.any(axis=0))]
    here = [f"{actions[a]} in {_named(names[c])}" for c, a in np.argwhere((lacking > 0) & seen.any(axis=0))]
    return Coded(context, action[: len(log)], pi, float(lacking.sum()), _listed([*nowhere, *here]))


def _named(context: tuple) -> str:
    return " / ".join(map(str, context))


def _listed(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _groups(log: pd.DataFrame) -> np.ndarray:
    """The number of each impression's customer; its own where the log does not say who it was."""
    if "customer_id" not in log.columns:
        return np.arange(len(log))
    codes, customers = pd.factorize(log["customer_id"])
    unknown = codes < 0
    codes[unknown] = len(customers) + np.arange(unknown.sum())
    return codes


def _checked_log(log: pd.DataFrame, contexts: list[str]) -> pd.DataFrame:
    """The log with numbers as floats; without a column propensity nobody knows any."""
    require_columns(log, [*contexts, "action", "reward"], "the log")
    _no_missing(log, [*contexts, "action"], "the log")
    reward = pd.to_numeric(log["reward"], errors="coerce").astype(float)
    if not np.isfinite(reward).all():
        raise ValueError(f"reward is missing or infinite in {int((~np.isfinite(reward)).sum())} rows of the log")
    propensity = pd.Series(np.nan, log.index)
    if "propensity" in log.columns:
        propensity = pd.to_numeric(log["propensity"], errors="coerce").astype(float)
        text = int((propensity.isna() & log["propensity"].notna()).sum())
        if text:
            raise ValueError(f"propensity is not a number in {text} rows of the log")
    return log.assign(reward=reward, propensity=propensity)


def _checked_policy(policy: pd.DataFrame, contexts: list[str]) -> pd.DataFrame:
    require_columns(policy, [*contexts, "action", "probability"], "the proposal")
    _no_missing(policy, [*contexts, "action"], "the proposal")
    probability = pd.to_numeric(policy["probability"], errors="coerce").astype(float)
    if not (np.isfinite(probability) & (probability >= 0)).all():
        raise ValueError("probability is missing, infinite or negative in the proposal")
    doubled = policy[policy.duplicated([*contexts, "action"])]
    if len(doubled):
        first = _named(next(doubled[[*contexts, "action"]].itertuples(index=False, name=None)))
        raise ValueError(f"context and action come twice in the proposal: {first}")
    total = probability.groupby(pd.MultiIndex.from_frame(policy[contexts])).sum()
    wrong = total[(total - 1).abs() > 1e-6]
    if len(wrong):
        raise ValueError(f"probability adds up to {wrong.iloc[0]:.6g}, not 1, in context {_named(wrong.index[0])}")
    return policy.assign(probability=probability)


def _no_missing(frame: pd.DataFrame, columns: list[str], what: str) -> None:
    for name in columns:
        if frame[name].isna().any():
            raise ValueError(f"{name} is missing in {int(frame[name].isna().sum())} rows of {what}")
