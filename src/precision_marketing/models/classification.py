"""Classifiers of yes or no, such as a click or a purchase: the candidates, and how one is chosen.

From simple to complex: the constant rate, L2-penalised logistic regression, a random forest of bounded
trees, gradient boosting. Balanced classes and SMOTE change the rate that a model trains on; the intercept is moved
back by the log odds between both rates (prior correction, King and Zeng), so that a score stays a probability.
``train_candidates`` fits them on early rows of most customers, compares them on late rows of others, and takes the
simplest that is within one standard error of the best. Where the data cannot tell, that is the constant rate.

Sources: Hoerl and Kennard, Technometrics 12 (1970); King and Zeng, "Logistic regression in rare events data",
Political Analysis 9 (2001); Chawla et al., "SMOTE", JAIR 16 (2002); Breiman, "Random forests", Machine Learning 45
(2001); Breiman et al., "Classification and regression trees" (1984), the one-standard-error rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import md5

import numpy as np
import pandas as pd
from scipy import special
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from precision_marketing.models.encoding import Encoder, Features, level_text
from precision_marketing.models.evaluation import customer_codes, evaluate, log_losses
from precision_marketing.models.inputs import require_columns
from precision_marketing.models.odds_ratios import odds_ratios
from precision_marketing.models.training import Metric, SettingError, is_surely_ahead

DEFAULT_C = 0.1
C_GRID = (0.001, 0.01, 0.1, 1.0, 10.0)


# Models --------------------------------------------------------------------------------------------


class ConstantRate(ClassifierMixin, BaseEstimator):
    """The naive baseline: everybody gets the rate of training, (positives + 1/2) / (rows + 1).

    The halves (Jeffreys' prior) keep it off 0 and 1, for never seen is not impossible.
    """

    def fit(self, X: np.ndarray, y: np.ndarray) -> ConstantRate:
        """Learn the rate of y, (n,) of 0 and 1."""
        self.classes_ = np.array([0, 1])
        self.rate_ = float((np.sum(y) + 0.5) / (len(y) + 1))
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, 2), chances of 0 and 1."""
        return np.tile([1 - self.rate_, self.rate_], (len(X), 1))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n,), the likelier class."""
        return np.full(len(X), int(self.rate_ > 0.5))


class LogisticModel(ClassifierMixin, BaseEstimator):
    """L2-penalised logistic regression whose scores are probabilities whatever was done about imbalance.

    C: inverse strength of the penalty, as in scikit-learn. imbalance: 'none'; 'balanced' weighs both classes alike;
    'smote' adds synthetic positives until the classes are even (on encoded columns, so its synthetic categories are
    fractions). The last two train at odds of 1 instead of the real ones; the difference is taken off the intercept.
    Neither adds information: compare before you use them (benchmarks/classification.py does).
    """

    def __init__(self, C: float = DEFAULT_C, imbalance: str = "none", random_state: int = 0) -> None:
        self.C = C
        self.imbalance = imbalance
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> LogisticModel:
        """Fit to X (n, p) and y (n,) of 0 and 1, both present.

        Raises ValueError for another ``imbalance`` or one class; ImportError where SMOTE's package is not installed.
        """
        if self.imbalance not in ("none", "balanced", "smote"):
            raise ValueError(f"imbalance must be none, balanced or smote, not {self.imbalance!r}")
        y = np.asarray(y)
        odds = trained_odds = _odds(y)
        weights = None
        if self.imbalance == "balanced":
            weights, trained_odds = "balanced", 1.0
        if self.imbalance == "smote":
            try:
                from imblearn.over_sampling import SMOTE
            except ImportError as error:
                raise ImportError("SMOTE needs the package imbalanced-learn, which is not installed") from error
            neighbours = int(min(5, min(y.sum(), len(y) - y.sum()) - 1))
            X, y = SMOTE(k_neighbors=neighbours, random_state=self.random_state).fit_resample(X, y)
            trained_odds = _odds(y)
        fitted = LogisticRegression(C=self.C, class_weight=weights, solver="newton-cholesky", tol=1e-8).fit(X, y)
        self.classes_ = fitted.classes_
        self.coef_ = fitted.coef_[0]
        self.intercept_ = float(fitted.intercept_[0] - np.log(trained_odds / odds))
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """(n,) log odds of class 1."""
        return X @ self.coef_ + self.intercept_

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(n, 2), chances of 0 and 1."""
        chance = special.expit(self.decision_function(X))
        return np.column_stack([1 - chance, chance])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n,), the likelier class."""
        return (self.decision_function(X) > 0).astype(int)


def _odds(y: np.ndarray) -> float:
    positives = float(np.sum(y))
    if not 0 < positives < len(y):
        raise ValueError("all rows are of one class; there is nothing to tell apart")
    return positives / (len(y) - positives)


class SmoothedForest(RandomForestClassifier):
    """A random forest in which every node holds one more row, of the average rate.

    Leaves without a positive are certain of nothing: no score is 0 or 1 (the m-estimate, Cestnik 1990, with m = 1).
    """

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> SmoothedForest:
        """Fit to X (n, p) and y (n,) of two classes."""
        super().fit(X, y, sample_weight)
        for tree in (fitted.tree_ for fitted in self.estimators_):
            rows = tree.weighted_n_node_samples[:, None]
            tree.value[:, 0] = (tree.value[:, 0] * rows + tree.value[0, 0]) / (rows + 1)
        return self


def _random_forest(random_state: int) -> SmoothedForest:
    return SmoothedForest(
        n_estimators=200, max_depth=10, min_samples_leaf=15, max_features=0.33, random_state=random_state
    )


def make_model(name: str, features: Features, C: float = DEFAULT_C, random_state: int = 0) -> Pipeline:
    """An unfitted candidate on a frame: an ``encoder`` and a ``model``.

    name: one of ``CANDIDATES``. C: for the logistic ones. Raises ValueError for another name.
    """
    if name not in CANDIDATES:
        raise SettingError(f"no candidate is called {name!r}; there are {', '.join(CANDIDATES)}")
    if name == "constant":
        model = ConstantRate()
    elif name.startswith("logistic"):
        model = LogisticModel(C, name.removeprefix("logistic").strip("_") or "none", random_state)
    elif name == "random_forest":
        model = _random_forest(random_state)
    elif name == "random_forest_calibrated":
        model = CalibratedClassifierCV(_random_forest(random_state), method="sigmoid", cv=3)
    else:
        model = HistGradientBoostingClassifier(
            learning_rate=0.05, max_iter=120, max_leaf_nodes=12, min_samples_leaf=30, l2_regularization=1.0,
            early_stopping=False, random_state=random_state,
        )  # fmt: skip
    return Pipeline([("encoder", Encoder(*features)), ("model", model)])


# From simple to complex: of two that are as good, the earlier is the champion.
CANDIDATES = (
    "constant", "logistic", "logistic_balanced", "logistic_smote", "random_forest", "random_forest_calibrated",
    "gradient_boosting",
)  # fmt: skip
# Rows of each class that folds and neighbours need.
LEAST_ROWS = {"logistic_smote": 2, "random_forest_calibrated": 3}
DEFAULT_CANDIDATES = ("constant", "logistic", "random_forest", "gradient_boosting")


# Training ------------------------------------------------------------------------------------------


@dataclass
class Trained:
    """What ``train_candidates`` found.

    candidates: fitted models by name, from simple to complex; metrics: of each, on the rows held out; comparison: one
    row per candidate with log_loss, excess over the best, its standard_error and is_tied; champion: the name of the
    one to use, ``model`` itself; coefficients: ``odds_ratios`` of the training rows; C: the penalty chosen; skipped:
    candidates that could not be fitted and why; rows: of training, of the test, and of neither; test: the rows held
    out, with target, customer and a column of scores per candidate, index as in the frame.
    """

    candidates: dict[str, Pipeline]
    metrics: dict[str, list[Metric]]
    comparison: pd.DataFrame
    champion: str
    coefficients: pd.DataFrame
    C: float
    skipped: dict[str, str]
    rows: dict[str, int]
    test: pd.DataFrame = field(repr=False)

    @property
    def model(self) -> Pipeline:
        """The champion."""
        return self.candidates[self.champion]


def stable_fraction(keys: Sequence[object] | np.ndarray, salt: str = "") -> np.ndarray:
    """(n,) a number from 0 to below 1 per key, the same in every run and on every machine (MD5)."""
    codes, levels = pd.factorize(np.asarray(keys, dtype=object))
    hashed = [int(md5(f"{salt}{level_text(level)}".encode()).hexdigest()[:8], 16) / 2**32 for level in levels]
    return np.array(hashed, dtype=float)[codes]


def time_customer_split(
    times: Sequence[object] | None,
    customers: Sequence[object] | None,
    time_share: float = 0.2,
    customer_share: float = 0.25,
) -> tuple[np.ndarray, np.ndarray]:
    """Masks (n,) of training and test: no customer is in both, and no training row is later than a test row.

    The test is the last ``time_share`` of the rows in time, of ``customer_share`` of the customers (by hash, the same
    ones in every run). Late rows of the other customers and early rows of these are in neither. Without customers, or
    without times or with one moment only (a snapshot), the other alone divides the rows; if neither can, all are
    training. Raises ValueError without both.
    """
    keys = times if customers is None else customers
    if keys is None:
        raise ValueError("a split needs a time or a customer")
    n = len(keys)
    late = early = held_out = remaining = np.ones(n, dtype=bool)
    moments = np.zeros(n, dtype=int) if times is None else pd.factorize(pd.Series(times), sort=True)[0]
    if n and moments.max() > 0:
        late = moments > np.quantile(moments, 1 - time_share, method="lower")
        if not late.any():  # the last moment alone has more than its share
            late = moments == moments.max()
        early = ~late
    if customers is not None:
        held_out = stable_fraction(customers) < customer_share
        remaining = ~held_out
    test = late & held_out
    train = early & remaining
    return (train, test) if not (train & test).any() else (train, np.zeros(n, dtype=bool))


def choose_c(
    frame: pd.DataFrame,
    y: np.ndarray,
    features: Features,
    times: np.ndarray | None,
    customers: np.ndarray | None,
    grid: Sequence[float] = C_GRID,
) -> float:
    """The penalty with the least log loss on the last quarter of the time.

    Customers are in three parts by hash; each part's late rows are predicted from early rows of the other two.
    Without times, each part is predicted from the others; without customers, late rows from early ones.
    ``DEFAULT_C`` where fewer than ten rows of either class can be validated.
    """
    n = len(y)
    moments = np.zeros(n, dtype=int) if times is None else pd.factorize(pd.Series(times), sort=True)[0]
    late = np.ones(n, dtype=bool)
    early = late
    if n and moments.max() > 0:
        late = moments > np.quantile(moments, 0.75, method="lower")
        early = ~late
    parts = np.zeros(n, dtype=int) if customers is None else (stable_fraction(customers, "C") * 3).astype(int)
    losses, validated = np.zeros(len(grid)), []
    for part in range(3):
        here = late & (parts == part)
        fit = early & ((parts != part) if customers is not None else True) & ~here
        if not here.any() or not 0 < y[fit].sum() < fit.sum():
            continue
        encoder = Encoder(*features).fit(frame[fit])
        fitted, held = encoder.transform(frame[fit]), encoder.transform(frame[here])
        if not fitted.shape[1]:
            continue
        validated.append(y[here])
        for position, C in enumerate(grid):
            score = LogisticModel(C).fit(fitted, y[fit]).predict_proba(held)[:, 1]
            losses[position] += log_losses(y[here], score).sum()
    seen = np.concatenate(validated) if validated else np.empty(0)
    if min(seen.sum(), len(seen) - seen.sum()) < 10:
        return DEFAULT_C
    return float(grid[int(np.argmin(losses))])


def _check_training(
    frame: pd.DataFrame, target: str, features: Features, time_column: str | None, customer_column: str | None
) -> np.ndarray:
    """The target as (n,) of 0 and 1, after everything that can be wrong with a frame."""
    names = [*features.numeric, *features.categorical]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"features are declared twice: {', '.join(twice)}")
    for role, column in (("target", target), ("time column", time_column), ("customer column", customer_column)):
        if column in names:
            raise ValueError(f"{column} is the {role} and cannot be a feature")
    require_columns(frame, [name for name in (target, time_column, customer_column, *names) if name])
    if not len(frame):
        raise ValueError("there are no rows to train on")
    for column in (target, time_column, customer_column):
        if column and frame[column].isna().any():
            raise ValueError(f"{column} holds missing values")
    if not frame[target].isin((0, 1)).all():
        raise ValueError(f"{target} must be 0 or 1")
    return frame[target].to_numpy(dtype=int)


def train_candidates(
    frame: pd.DataFrame,
    target: str,
    features: Features,
    time_column: str | None,
    customer_column: str | None,
    candidates: Sequence[str] = DEFAULT_CANDIDATES,
    C: float | None = None,
    references: Mapping[str, str] | None = None,
    random_state: int = 0,
) -> Trained:
    """Fit candidates on the past of some customers, judge them on the future of others.

    frame: one row per thing to predict; target: its column of 0 and 1 (or booleans). The split is that of
    ``time_customer_split``. C: penalty of the logistic candidates, by default ``choose_c`` within training.
    references: for ``odds_ratios``. The constant rate is always a candidate.

    The champion is the simplest candidate whose log loss on the test is above the least one by no more than one
    standard error of that difference (paired, by customer). The metrics of the champion are of the same rows, so a
    little optimistic, as the best of a few always is; but for its ``log_loss_gain``: that is of what the other half of
    the customers would have chosen, so that nobody judges what he chose. Where that is not above 0 by more than a
    standard error, the constant rate is the champion. The models are those that were judged; to use
    every row, ``sklearn.base.clone(model).fit(frame, frame[target])``.

    With one class in training, or features that are all constant, only the constant rate can be fitted (see
    ``skipped``, which also has candidates whose own fit fails); without test rows there are no metrics, and the
    simplest candidate stands.
    Raises ValueError for no rows, absent or doubly declared columns, missing targets, times or customers, targets other
    than 0 and 1, unknown candidates, and a feature that is the target, the time or the customer.
    """
    features = Features(*map(tuple, features))
    y = _check_training(frame, target, features, time_column, customer_column)
    times = frame[time_column].to_numpy() if time_column else None
    customers = frame[customer_column].to_numpy() if customer_column else None
    train, test = time_customer_split(times, customers)
    if not train.any():  # a single customer or row: nothing can be held out
        train, test = np.ones(len(y), dtype=bool), np.zeros(len(y), dtype=bool)
    for name in candidates:
        make_model(name, features)
    names = [name for name in CANDIDATES if name == "constant" or name in candidates]

    past, labels = frame[train], y[train]
    encoder = Encoder(*features)
    encoded = encoder.fit_transform(past)
    reason = ""
    if not 0 < labels.sum() < len(labels):
        reason = "training has one class only"
    elif not encoded.shape[1]:
        reason = "every feature is constant in training"
    if C is None:
        chosen = (times[train] if times is not None else None, customers[train] if customers is not None else None)
        C = DEFAULT_C if reason else choose_c(past, labels, features, *chosen)
    fitted, skipped = {}, {}
    for name in names:
        if reason and name != "constant":
            skipped[name] = reason
        elif (few := min(labels.sum(), len(labels) - labels.sum())) < LEAST_ROWS.get(name, 0):
            skipped[name] = f"needs {LEAST_ROWS[name]} rows of each class in training, has {few}"
        else:
            # All candidates see the same columns, which are computed once.
            model = make_model(name, features, C, random_state)["model"]
            try:
                fitted[name] = Pipeline([("encoder", encoder), ("model", model.fit(encoded, labels))])
            except (ValueError, ArithmeticError, RuntimeError) as error:
                skipped[name] = f"could not be fitted: {error}"

    held = pd.DataFrame({"target": y[test]}, index=frame.index[test])
    held["customer"] = customers[test] if customers is not None else np.arange(test.sum())
    metrics: dict[str, list[Metric]] = {name: [] for name in fitted}
    if test.any():
        base_rate = fitted["constant"]["model"].rate_
        unseen = encoder.transform(frame[test])
        for name, model in fitted.items():
            held[name] = model["model"].predict_proba(unseen)[:, 1]
            metrics[name] = evaluate(held["target"], held[name], base_rate, held["customer"], random_state=random_state)
    comparison = _compare(held, list(fitted))
    coefficients = odds_ratios(past, labels, features, customers[train] if customers is not None else None, references)
    counts = {"train": int(train.sum()), "test": int(test.sum()), "unused": int((~train & ~test).sum())}
    champion = _simplest(comparison)
    if len(held):
        honest = chosen_by_the_others(held, list(fitted))
        gained = evaluate(held["target"], honest, base_rate, held["customer"], random_state=random_state)
        gain = next(metric for metric in gained if metric.metric == "log_loss_gain")
        if is_surely_ahead(gain):
            metrics[champion] = [gain if metric.metric == "log_loss_gain" else metric for metric in metrics[champion]]
        else:
            champion = "constant"
    return Trained(fitted, metrics, comparison, champion, coefficients, float(C), skipped, counts, held)


def _simplest(comparison: pd.DataFrame) -> str:
    return str(comparison["candidate"][comparison["is_tied"]].iloc[0])


def chosen_by_the_others(held: pd.DataFrame, names: list[str]) -> np.ndarray:
    """(n,) score of each row by the candidate that the other half of the customers would choose (``_compare``)."""
    is_first = stable_fraction(held["customer"].to_numpy(), "judge") < 0.5
    score = np.empty(len(held))
    for half in (is_first, ~is_first):
        others = held[~half] if (~half).any() else held
        score[half] = held.loc[half, _simplest(_compare(others, names))]
    return score


def _compare(held: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Log loss of each candidate, and what it is above the least one, with the standard error of that difference."""
    if held.empty:
        empty = {"log_loss": np.nan, "excess": np.nan, "standard_error": np.nan, "is_tied": True}
        return pd.DataFrame([{"candidate": name, **empty} for name in names])
    losses = np.array([log_losses(held["target"].to_numpy(), held[name].to_numpy()) for name in names])
    means = losses.mean(axis=1)
    excess = losses - losses[means.argmin()]
    codes = customer_codes(held["customer"].to_numpy(), len(held))
    count = codes.max() + 1
    errors = []
    for row in excess:
        sums = np.bincount(codes, row - row.mean())
        errors.append(np.sqrt((sums**2).sum() * count / max(count - 1, 1)) / len(row))
    table = pd.DataFrame({"candidate": names, "log_loss": means, "excess": excess.mean(axis=1)})
    table["standard_error"] = errors
    table["is_tied"] = table["excess"] <= table["standard_error"]
    return table
