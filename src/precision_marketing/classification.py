"""Chances of a click, of a purchase, of a gender: what the models of yes or no share.

Encoding. Features are declared, numeric or categorical (``Features``); other columns are never looked at. Numbers are
standardised; a missing one becomes the mean and sets an indicator. Categories become one column per level; rare levels
share one, and a level that training did not see is all zeros. Constant features fall out.

Candidates. From simple to complex: the constant rate, L2-penalised logistic regression, a random forest of bounded
trees, gradient boosting. Balanced classes and SMOTE change the rate that a model trains on; the intercept is moved
back by the log odds between both rates (prior correction, King and Zeng), so that a score stays a probability.
``train_candidates`` fits them on early rows of most customers, compares them on late rows of others, and takes the
simplest that is within one standard error of the best. Where the data cannot tell, that is the constant rate.

Odds ratios. Coefficients of an L2-penalised fit are shrunk: they score well, but an interval around them misses the
truth by design. ``odds_ratios`` therefore fits anew for inference, by Firth's likelihood, which has no tuning constant,
removes the first-order bias of maximum likelihood with few positives, and stays finite where a level has none.

Figures come with 95% intervals that take customers, not rows, as the unit that is drawn, where customers are given.

Sources: Hoerl and Kennard, Technometrics 12 (1970); King and Zeng, "Logistic regression in rare events data",
Political Analysis 9 (2001); Chawla et al., "SMOTE", JAIR 16 (2002); Breiman, "Random forests", Machine Learning 45
(2001); Breiman et al., "Classification and regression trees" (1984), the one-standard-error rule; Firth, Biometrika 80
(1993); Heinze and Schemper, Statistics in Medicine 21 (2002); Liang and Zeger, Biometrika 73 (1986), the clustered
sandwich; DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), and Obuchowski, Biometrics 53 (1997), its clustered
form; Platt (1999) and Zadrozny and Elkan (2002), calibration; Saabas, "Interpreting random forests" (2014).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse, special, stats
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from precision_marketing.registry import Metric

DEFAULT_C = 0.1
C_GRID = (0.001, 0.01, 0.1, 1.0, 10.0)
MAX_LEVELS = 50
REPLICATES = 300
MISSING, OTHER = "(missing)", "(other)"
# Scores are held this far from 0 and 1 before a logarithm is taken.
EPSILON = 1e-12
Z = float(stats.norm.ppf(0.975))

ODDS_COLUMNS = (
    "feature", "level", "reference", "coefficient", "standard_error", "odds_ratio", "ci_low", "ci_high", "p_value",
)  # fmt: skip


# Features ------------------------------------------------------------------------------------------


class Features(NamedTuple):
    """The names of a model's numeric and categorical features."""

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()


def _numbers(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """(n, len(names)) floats, NaN where missing. Raises ValueError for text, times and infinite values."""
    values = np.empty((len(frame), len(names)))
    for position, name in enumerate(names):
        if pd.api.types.is_datetime64_any_dtype(frame[name]):
            raise ValueError(f"feature {name} holds times: give the days up to the date of scoring")
        try:
            values[:, position] = frame[name].to_numpy(dtype=float, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise ValueError(f"feature {name} holds values that are no numbers") from error
    infinite = np.isinf(values).any(axis=0)
    if infinite.any():
        raise ValueError(f"infinite values in: {', '.join(np.array(names)[infinite])}")
    return values


def _level(value: Any) -> str:
    """A category as text, as Spark casts it; 1 and 1.0, a column without and with nulls, are one level."""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float | np.floating) and value == round(value) else str(value)


def _texts(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """(n, len(names)) levels as text, ``MISSING`` where missing."""
    texts = np.empty((len(frame), len(names)), dtype=object)
    for position, name in enumerate(names):
        codes, levels = pd.factorize(frame[name])
        texts[:, position] = np.array([*map(_level, levels), MISSING], dtype=object)[codes]
    return texts


class Encoder(TransformerMixin, BaseEstimator):
    """Declared features of a frame as a matrix of numbers.

    numeric: standardised to mean 0, standard deviation 1; a missing value becomes 0, the mean, and where training had
    missing values a column of its own says so. categorical: one 0/1 column per level; missing is a level; levels
    beyond the ``max_levels`` most frequent share the column ``OTHER``; a level that was not seen in training is all
    zeros. What was constant in training has no column.

    After ``fit``: ``columns_``, a frame with one row per column (feature, level: '' for the number itself, scale: units
    of the feature that one unit of the column stands for); ``mean_``, the columns' means in training; ``typical_``, the
    median or the most frequent level of each feature.
    """

    def __init__(
        self, numeric: Sequence[str] = (), categorical: Sequence[str] = (), max_levels: int = MAX_LEVELS
    ) -> None:
        self.numeric = numeric
        self.categorical = categorical
        self.max_levels = max_levels

    def fit(self, frame: pd.DataFrame, y: object = None) -> Encoder:
        """Learn means, scales and levels. Raises ValueError for no rows, absent columns, and numbers that are none."""
        self.fit_transform(frame)
        return self

    def fit_transform(self, frame: pd.DataFrame, y: object = None) -> np.ndarray:
        """``fit`` and ``transform`` in one go: (n, columns)."""
        self._check(frame)
        if not len(frame):
            raise ValueError("there are no rows to learn the encoding from")
        columns = []
        values, texts = _numbers(frame, self.numeric), _texts(frame, self.categorical)
        if len(self.numeric):
            self.imputer_ = SimpleImputer(keep_empty_features=True, add_indicator=True).fit(values)
            self.scaler_ = StandardScaler().fit(self.imputer_.transform(values)[:, : len(self.numeric)])
            columns += [(name, "", scale) for name, scale in zip(self.numeric, self.scaler_.scale_, strict=True)]
            columns += [(self.numeric[i], MISSING, 1.0) for i in self.imputer_.indicator_.features_]
        if len(self.categorical):
            self.one_hot_ = OneHotEncoder(
                handle_unknown="ignore", sparse_output=False, max_categories=self.max_levels
            ).fit(texts)
            rare = self.one_hot_.infrequent_categories_
            for name, levels, others in zip(self.categorical, self.one_hot_.categories_, rare, strict=True):
                few = set() if others is None else set(others)
                columns += [(name, level, 1.0) for level in levels if level not in few] + [(name, OTHER, 1.0)] * bool(
                    few
                )
        encoded = self._encode(values, texts)
        self.kept_ = np.flatnonzero(np.ptp(encoded, axis=0) > 0)
        self.columns_ = pd.DataFrame(columns, columns=["feature", "level", "scale"]).iloc[self.kept_]
        self.columns_ = self.columns_.reset_index(drop=True)
        encoded = encoded[:, self.kept_]
        self.mean_ = encoded.mean(axis=0)
        known = {name: values[~np.isnan(values[:, i]), i] for i, name in enumerate(self.numeric)}
        self.typical_ = {name: float(np.median(found)) if len(found) else np.nan for name, found in known.items()}
        for i, name in enumerate(self.categorical):
            self.typical_[name] = pd.Series(texts[:, i]).mode()[0]
        return encoded

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """(n, columns). Raises ValueError as ``fit`` does; no rows give no rows."""
        self._check(frame)
        if not len(frame):
            return np.empty((0, len(self.kept_)))
        return self._encode(_numbers(frame, self.numeric), _texts(frame, self.categorical))[:, self.kept_]

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the columns, such as age and device_type=mobile."""
        names = self.columns_["feature"] + np.where(self.columns_["level"] == "", "", "=" + self.columns_["level"])
        return names.to_numpy(dtype=object)

    def _check(self, frame: pd.DataFrame) -> None:
        absent = [name for name in (*self.numeric, *self.categorical) if name not in frame.columns]
        if absent:
            raise ValueError(f"features are absent: {', '.join(absent)}")

    def _encode(self, values: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """All columns, constant ones too, of ``_numbers`` and ``_texts``."""
        parts = [np.empty((len(values), 0))]
        if len(self.numeric):
            values, numbers = self.imputer_.transform(values), len(self.numeric)
            parts += [self.scaler_.transform(values[:, :numbers]), values[:, numbers:]]
        if len(self.categorical):
            parts.append(self.one_hot_.transform(texts))
        return np.hstack(parts)


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
        raise ValueError(f"no candidate is called {name!r}; there are {', '.join(CANDIDATES)}")
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


def scorecard(model: Pipeline) -> dict[str, Any]:
    """A fitted logistic candidate as plain numbers that SQL can score with and JSON can hold.

    The log odds are the intercept, plus per number (value - mean) * per_unit, or missing where there is none, plus per
    category the entry of its level, 0 for a level without one. Raises ValueError for another kind of model.
    """
    encoder, fitted = model["encoder"], model["model"]
    if not isinstance(fitted, LogisticModel):
        raise ValueError(f"only logistic candidates have a scorecard, {type(fitted).__name__} has none")
    weights = dict(zip(zip(encoder.columns_["feature"], encoder.columns_["level"], strict=True), fitted.coef_.tolist(),
                       strict=True))  # fmt: skip
    card: dict[str, Any] = {"intercept": fitted.intercept_, "numeric": {}, "categorical": {}}
    for position, name in enumerate(encoder.numeric):
        mean, scale = float(encoder.scaler_.mean_[position]), float(encoder.scaler_.scale_[position])
        slope, missing = weights.get((name, ""), 0.0) / scale, weights.get((name, MISSING), 0.0)
        card["numeric"][name] = {"mean": mean, "per_unit": slope, "missing": missing}
    for name, levels in zip(encoder.categorical, _levels(encoder), strict=True):
        other = weights.get((name, OTHER), 0.0)
        card["categorical"][name] = {level: weights.get((name, level), other) for level in levels}
    return card


# Metrics -------------------------------------------------------------------------------------------


def _checked(y: np.ndarray, *scores: np.ndarray) -> tuple[np.ndarray, ...]:
    """y and scores as floats (n,). Raises ValueError unless y is 0 or 1 and scores are 0 to 1, all of one length."""
    y = np.asarray(y, dtype=float)
    if not np.isin(y, (0, 1)).all():
        raise ValueError("labels must be 0 or 1")
    scores = tuple(np.asarray(score, dtype=float) for score in scores)
    for score in scores:
        if score.shape != y.shape:
            raise ValueError(f"{len(y)} labels, but {len(score)} scores")
        if not ((score >= 0) & (score <= 1)).all():
            raise ValueError("scores must be probabilities from 0 to 1")
    return (y, *scores)


def _codes(groups: np.ndarray | None, n: int) -> np.ndarray:
    return np.arange(n) if groups is None else pd.factorize(np.asarray(groups))[0]


def delong(y: np.ndarray, scores: np.ndarray, groups: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """ROC-AUC of k scores on the same rows, and their covariance.

    y: (n,) of 0 and 1, both present; scores: (n, k), higher means likelier; groups: (n,), rows of one group (customer)
    may depend on each other. Returns (k,) and (k, k). By placement values (DeLong et al. 1988), summed per group
    (Obuchowski 1997); NaN where either class is in one group only. Raises ValueError if y has one class.
    """
    y = np.asarray(y, dtype=bool)
    scores = np.asarray(scores, dtype=float).reshape(len(y), -1)
    positives, negatives = int(y.sum()), int((~y).sum())
    if not positives or not negatives:
        raise ValueError("ROC-AUC needs both classes")
    placed = np.empty(scores.shape)
    for column, score in enumerate(scores.T):
        overall = stats.rankdata(score)
        placed[y, column] = (overall[y] - stats.rankdata(score[y])) / negatives
        placed[~y, column] = 1 - (overall[~y] - stats.rankdata(score[~y])) / positives
    auc = placed[y].mean(axis=0)
    codes = _codes(groups, len(y))
    influence = (placed - auc) / np.where(y, positives, negatives)[:, None]
    sides = [np.array([np.bincount(codes, column * side) for column in influence.T]) for side in (y, ~y)]
    counts = [len(set(codes[side])) for side in (y, ~y)]
    if min(counts) < 2:
        return auc, np.full((len(auc), len(auc)), np.nan)
    own = (part @ part.T * count / (count - 1) for part, count in zip(sides, counts, strict=True))
    mixed = sides[0] @ sides[1].T * len(set(codes)) / (len(set(codes)) - 1)
    return auc, sum(own) + mixed + mixed.T


def _losses(y: np.ndarray, score: np.ndarray) -> np.ndarray:
    """(n,) log losses in nats."""
    score = np.clip(score, EPSILON, 1 - EPSILON)
    return -np.where(y == 1, np.log(score), np.log1p(-score))


def _bins(score: np.ndarray, bins: int) -> np.ndarray:
    """(n,) bins from 0, as equal in rows as ties allow."""
    edges = np.unique(np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, score, side="right")


class _AveragePrecision:
    """Average precision under many weightings of the same rows: sorts once."""

    def __init__(self, y: np.ndarray, score: np.ndarray) -> None:
        self.order = np.argsort(-score, kind="stable")
        self.y = y[self.order]
        self.ends = np.r_[np.flatnonzero(np.diff(score[self.order])), len(y) - 1]

    def __call__(self, weights: np.ndarray) -> float:
        weights = weights[self.order]
        found, seen = np.cumsum(weights * self.y)[self.ends], np.cumsum(weights)[self.ends]
        if found[-1] == 0:
            return np.nan
        return float((np.diff(found, prepend=0) * found / np.maximum(seen, EPSILON)).sum() / found[-1])


def evaluate(
    y: np.ndarray,
    score: np.ndarray,
    base_rate: float | np.ndarray | None = None,
    groups: np.ndarray | None = None,
    segment: str = "",
    replicates: int = REPLICATES,
    random_state: int = 0,
) -> list[Metric]:
    """Figures of scores on rows that the model did not see, against the constant rate.

    y: (n,) of 0 and 1. score: (n,) probabilities. base_rate: the constant rate, of training, one or (n,); by default
    that of y, which no one could have known. groups: (n,), customers; they are what is drawn anew.

    roc_auc (interval after DeLong, on the logit scale), pr_auc (average precision), log_loss (nats), log_loss_gain
    (constant rate minus model, row by row: above 0 means better than the constant), brier, and
    expected_calibration_error (ten bins of equal size; biased upwards, the more the fewer rows). Their intervals are
    percentiles of ``replicates`` bootstrap samples; with a handful of positives they are too narrow. With one class
    there is no roc_auc and no pr_auc; no rows, no metrics. Raises ValueError for labels and scores that are none.
    """
    y, score = _checked(y, score)
    n = len(y)
    if n == 0:
        return []
    constant = np.broadcast_to(y.mean() if base_rate is None else np.asarray(base_rate, dtype=float), n)
    losses, naive_losses = _losses(y, score), _losses(y, constant)
    squares = (score - y) ** 2
    bins = _bins(score, 10)
    precision = _AveragePrecision(y, score)
    both = 0 < y.sum() < n

    def figures(weights: np.ndarray) -> list[float]:
        total = weights.sum()
        calibration = np.abs(np.bincount(bins, weights * (y - score))).sum() / total
        means = [weights @ losses / total, weights @ (naive_losses - losses) / total, weights @ squares / total]
        return [*means, calibration, precision(weights)]

    codes = _codes(groups, n)
    count = codes.max() + 1
    rng = np.random.default_rng(random_state)
    draws = (np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(replicates))
    samples = np.array([figures(drawn[codes].astype(float)) for drawn in draws]) if count > 1 else np.empty((0, 5))

    naive = [naive_losses.mean(), 0.0, ((constant - y) ** 2).mean(), abs((y - constant).mean()), y.mean()]
    names = ["log_loss", "log_loss_gain", "brier", "expected_calibration_error", "pr_auc"]
    found: list[Metric] = []
    for name, value, baseline, sample in zip(names, figures(np.ones(n)), naive, samples.T, strict=True):
        sample = sample[np.isfinite(sample)]
        limits: tuple[float | None, float | None] = (None, None)
        if len(sample):
            low, high = np.quantile(sample, [0.025, 0.975])
            limits = (float(low), float(high))
        found.append(Metric(name, float(value), *limits, float(baseline), n, segment))
    if not both:
        return found[:-1]
    (auc,), ((variance,),) = delong(y, score, groups)
    auc_limits: tuple[float | None, float | None] = (None, None)
    if variance > 0 and 0 < auc < 1:
        half = Z * np.sqrt(variance) / (auc * (1 - auc))
        auc_limits = (float(special.expit(special.logit(auc) - half)), float(special.expit(special.logit(auc) + half)))
    return [Metric("roc_auc", float(auc), *auc_limits, 0.5, n, segment), found[-1], *found[:-1]]


def reliability_table(y: np.ndarray, score: np.ndarray, bins: int = 10) -> pd.DataFrame:
    """What was said against what came: one row per bin of the score, bins as equal in rows as ties allow.

    Returns bin (from 1, lowest scores), rows, mean_score, positive_rate and its Wilson interval ci_low, ci_high.
    """
    y, score = _checked(y, score)
    columns = ["bin", "rows", "mean_score", "positive_rate", "ci_low", "ci_high"]
    if len(y) == 0:
        return pd.DataFrame(columns=columns)
    groups = pd.DataFrame({"bin": _bins(score, bins), "y": y, "score": score}).groupby("bin")
    table = groups.agg(rows=("y", "size"), mean_score=("score", "mean"), positive_rate=("y", "mean")).reset_index()
    table["bin"] = np.arange(1, len(table) + 1)
    n, rate = table["rows"], table["positive_rate"]
    middle = (rate + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * np.sqrt(rate * (1 - rate) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    table["ci_low"], table["ci_high"] = (middle - half).clip(0, 1), (middle + half).clip(0, 1)
    return table[columns]


def decile_table(y: np.ndarray, score: np.ndarray) -> pd.DataFrame:
    """Lift and gain by tenth of the rows, highest scores first.

    Rows of the same score share their positives evenly, so the order of rows changes nothing and a constant score has
    a lift of 1 everywhere. Returns decile (1 to 10, fewer for fewer rows), rows, positives, positive_rate, mean_score,
    lift (rate over the rate of all; NaN without positives), gain (share of all positives down to here).
    """
    y, score = _checked(y, score)
    columns = ["decile", "rows", "positives", "positive_rate", "mean_score", "lift", "gain"]
    if len(y) == 0:
        return pd.DataFrame(columns=columns)
    order = np.argsort(-score, kind="stable")
    shared = pd.Series(y).groupby(score).transform("mean").to_numpy()[order]
    rows = pd.DataFrame({"y": shared, "score": score[order], "decile": np.arange(len(y)) * 10 // len(y) + 1})
    table = rows.groupby("decile").agg(rows=("y", "size"), positives=("y", "sum"), mean_score=("score", "mean"))
    table = table.reset_index()
    table["decile"] = np.arange(1, len(table) + 1)
    table["positive_rate"] = table["positives"] / table["rows"]
    total = y.sum() if y.sum() else np.nan
    table["lift"] = table["positive_rate"] / (total / len(y))
    table["gain"] = table["positives"].cumsum() / total
    return table[columns]


def fairness_table(
    frame: pd.DataFrame, groups: Sequence[str], target: str = "target", score: str = "score", top: float = 0.2
) -> pd.DataFrame:
    """How a model treats the levels of some columns.

    frame: scored rows with the columns target (0 or 1), score (probability) and ``groups``. top: the share of all rows
    that a campaign would select, highest scores first; rows tied at the limit count in part.
    Returns one row per group and level (missing is one): group, level, rows, positive_rate, mean_score,
    selection_rate, roc_auc (NaN where a level has one class). Raises ValueError for absent columns.
    """
    absent = [name for name in (*groups, target, score) if name not in frame.columns]
    if absent:
        raise ValueError(f"columns are absent: {', '.join(absent)}")
    y, scores = _checked(frame[target], frame[score])
    selected = _selected(scores, top)
    rows = []
    for group, texts in zip(groups, _texts(frame, groups).T, strict=True):
        for level in sorted(set(texts)):
            here = texts == level
            auc = delong(y[here], scores[here])[0][0] if len(set(y[here])) == 2 else np.nan
            means = (values[here].mean() for values in (y, scores, selected))
            rows.append((group, level, int(here.sum()), *means, auc))
    names = ["group", "level", "rows", "positive_rate", "mean_score", "selection_rate", "roc_auc"]
    return pd.DataFrame(rows, columns=names)


def _selected(score: np.ndarray, top: float) -> np.ndarray:
    """(n,) 1 for the rows in the top share, a part of 1 for rows tied at the limit, else 0."""
    places = top * len(score)
    above = len(score) - stats.rankdata(score, "max")
    tied = stats.rankdata(score, "max") - stats.rankdata(score, "min") + 1
    return np.clip((places - above) / tied, 0, 1)


# Odds ratios ---------------------------------------------------------------------------------------


def _independent(X: np.ndarray) -> np.ndarray:
    """Positions of the columns that are no combination of earlier ones, as R's glm keeps them."""
    triangle = np.asarray(np.linalg.qr(X, mode="r"))
    basis = np.empty((len(triangle), 0))
    kept = []
    for position, column in enumerate(triangle.T):
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)
        size = np.linalg.norm(rest)
        if size > 1e-7 * np.linalg.norm(column):
            kept.append(position)
            basis = np.column_stack([basis, rest / size])
    return np.array(kept, dtype=int)


def _firth(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients (p,), inverse information (p, p) and residuals (n,) of Firth's logistic regression.

    Maximises the log-likelihood plus half the log determinant of the information. X: (n, p) of full rank.
    """

    def state(beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        eta = X @ beta
        chance = special.expit(eta)
        information = (X * (chance * (1 - chance))[:, None]).T @ X
        sign, log_determinant = np.linalg.slogdet(information)
        value = y @ eta - np.logaddexp(0, eta).sum() + log_determinant / 2
        return (value if sign > 0 else -np.inf), chance, information

    beta = np.zeros(X.shape[1])
    value, chance, information = state(beta)
    for _ in range(100):
        inverse = np.linalg.inv(information)
        leverage = chance * (1 - chance) * ((X @ inverse) * X).sum(axis=1)
        step = inverse @ (X.T @ (y - chance + leverage * (0.5 - chance)))
        step *= min(1, 5 / max(np.abs(step).max(), EPSILON))
        for _ in range(30):
            candidate = state(beta + step)
            if candidate[0] >= value - 1e-9 * abs(value):
                break
            step /= 2
        beta = beta + step
        value, chance, information = candidate
        if np.abs(step).max() < 1e-7:
            break
    return beta, np.linalg.inv(information), y - chance


def odds_ratios(
    frame: pd.DataFrame,
    y: np.ndarray,
    features: Features,
    groups: np.ndarray | None = None,
    references: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """What each feature does to the odds, with 95% intervals that mean it.

    A fit for inference beside the one that scores. The L2 penalty pulls coefficients to 0 by an amount that no standard
    error knows of, so intervals from the penalised information (or its sandwich) are centred off the truth and cover it
    too rarely. Here Firth's likelihood is maximised on unweighted rows: no constant to choose, unbiased to first order,
    finite under separation. The standard error is the larger of two. The one of the information matrix is right if the
    model is and rows are independent. The sandwich summed by group is right also where rows of one customer depend on
    each other, but collapses for a level with hardly any positives, whose residuals are all nearly 0. The intervals are
    Wald's; features chosen by looking at them would make them too narrow.

    frame: n rows with ``features``; y: (n,) of 0 and 1; groups: (n,) customers. references: the level of a categorical
    feature that the others are compared with, by default its most frequent one.
    Returns ``ODDS_COLUMNS``: one row for the intercept (reference levels, numbers at their means), one per number (per
    unit of the feature), one per level other than the reference. coefficient and standard_error are log odds;
    odds_ratio, ci_low and ci_high are odds. A column that is a combination of earlier ones has NaN. Empty unless y has
    both classes. Raises ValueError for a reference that is no level.
    """
    (y,) = _checked(y)
    if not 0 < y.sum() < len(y):
        return pd.DataFrame(columns=list(ODDS_COLUMNS))
    encoder = Encoder(*features)
    encoded = encoder.fit_transform(frame)
    columns = encoder.columns_
    baseline = {name: encoder.typical_[name] for name in features.categorical} | dict(references or {})
    for name, level in (references or {}).items():
        if not ((columns["feature"] == name) & (columns["level"] == level)).any():
            raise ValueError(f"{level!r} is no level of {name}")
    categorical = columns["feature"].isin(features.categorical)
    kept = ~(categorical & (columns["level"] == columns["feature"].map(baseline)))
    columns, encoded = columns[kept.to_numpy()], encoded[:, kept.to_numpy()]

    X = np.column_stack([np.ones(len(y)), encoded])
    independent = _independent(X)
    X = X[:, independent]
    beta, inverse, residuals = _firth(X, y)
    variance = np.diag(inverse)
    codes = _codes(groups, len(y))
    count = codes.max() + 1
    if groups is not None and count > 1:
        scores = np.array([np.bincount(codes, column) for column in (X * residuals[:, None]).T])
        sandwich = inverse @ (scores @ scores.T) @ inverse * count / (count - 1)
        variance = np.maximum(variance, np.diag(sandwich))

    scale = np.r_[1.0, columns["scale"]]
    coefficient, error = np.full(len(scale), np.nan), np.full(len(scale), np.nan)
    coefficient[independent], error[independent] = beta, np.sqrt(variance)
    coefficient, error = coefficient / scale, error / scale
    reference = columns["feature"].map(baseline).where(categorical[kept], "")
    table = pd.DataFrame({
        "feature": ["(intercept)", *columns["feature"]],
        "level": ["", *columns["level"]],
        "reference": ["", *reference],
        "coefficient": coefficient,
        "standard_error": error,
        "odds_ratio": np.exp(coefficient),
        "ci_low": np.exp(coefficient - Z * error),
        "ci_high": np.exp(coefficient + Z * error),
        "p_value": 2 * stats.norm.sf(np.abs(coefficient / error)),
    })  # fmt: skip
    return table[list(ODDS_COLUMNS)]


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
    hashed = [int(md5(f"{salt}{_level(level)}".encode()).hexdigest()[:8], 16) / 2**32 for level in levels]
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
            losses[position] += _losses(y[here], score).sum()
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
    absent = [name for name in (target, time_column, customer_column, *names) if name and name not in frame.columns]
    if absent:
        raise ValueError(f"columns are absent: {', '.join(absent)}")
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
    little optimistic, as the best of a few always is. The models are those that were judged; to use every row,
    ``sklearn.base.clone(model).fit(frame, frame[target])``.

    With one class in training, or features that are all constant, only the constant rate can be fitted (see
    ``skipped``); without test rows there are no metrics, and the simplest candidate stands.
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
            model = make_model(name, features, C, random_state)["model"].fit(encoded, labels)
            fitted[name] = Pipeline([("encoder", encoder), ("model", model)])

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
    champion = str(comparison["candidate"][comparison["is_tied"]].iloc[0])
    return Trained(fitted, metrics, comparison, champion, coefficients, float(C), skipped, counts, held)


def _compare(held: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Log loss of each candidate, and what it is above the least one, with the standard error of that difference."""
    if held.empty:
        empty = {"log_loss": np.nan, "excess": np.nan, "standard_error": np.nan, "is_tied": True}
        return pd.DataFrame([{"candidate": name, **empty} for name in names])
    losses = np.array([_losses(held["target"].to_numpy(), held[name].to_numpy()) for name in names])
    means = losses.mean(axis=1)
    excess = losses - losses[means.argmin()]
    codes = _codes(held["customer"].to_numpy(), len(held))
    count = codes.max() + 1
    errors = []
    for row in excess:
        sums = np.bincount(codes, row - row.mean())
        errors.append(np.sqrt((sums**2).sum() * count / max(count - 1, 1)) / len(row))
    table = pd.DataFrame({"candidate": names, "log_loss": means, "excess": excess.mean(axis=1)})
    table["standard_error"] = errors
    table["is_tied"] = table["excess"] <= table["standard_error"]
    return table


# Gender --------------------------------------------------------------------------------------------


class GenderModel(ClassifierMixin, BaseEstimator):
    """Chance that a customer is a woman, from what they look at and buy.

    features: numeric columns, shares (0 to 1) of categories and brands in a customer's views or purchases; a customer
    without any has missing shares and gets about the share of women in training. calibration: 'none', 'sigmoid'
    (Platt), 'isotonic', or 'auto', the one of the three with the least log loss out of fold ('none' if tied).

    After ``fit``: ``classes_`` ('female', 'male'), ``calibration_``, ``pipeline_`` (of the chance of 'female').
    """

    def __init__(
        self, features: Sequence[str], C: float = DEFAULT_C, calibration: str = "auto", random_state: int = 0
    ) -> None:
        self.features = features
        self.C = C
        self.calibration = calibration
        self.random_state = random_state

    def fit(self, frame: pd.DataFrame, gender: Sequence[str | None]) -> GenderModel:
        """Fit to the rows whose gender, (n,) of 'female' and 'male', is not missing.

        One gender only: its smoothed rate. Fewer than ten of either: not calibrated. Raises ValueError for other values
        of gender, no row with one, absent features and an unknown calibration.
        """
        if self.calibration not in ("auto", "none", "sigmoid", "isotonic"):
            raise ValueError(f"calibration must be auto, none, sigmoid or isotonic, not {self.calibration!r}")
        given = pd.Series(np.asarray(gender, dtype=object))
        known = given.notna().to_numpy()
        other = sorted(set(map(str, given[known])) - {"female", "male"})
        if other:
            raise ValueError(f"gender must be female or male, not {', '.join(other)}")
        if not known.any():
            raise ValueError("no row has a known gender")
        y = (given[known] == "female").to_numpy(dtype=int)
        encoder = Encoder(tuple(self.features))
        X = encoder.fit_transform(frame[known])
        few = min(y.sum(), len(y) - y.sum())
        self.calibration_ = "none"
        if few == 0 or not X.shape[1]:
            model: ClassifierMixin = ConstantRate().fit(X, y)
        else:
            if few >= 10:
                self.calibration_ = self._choose(X, y) if self.calibration == "auto" else self.calibration
            model = self._model(self.calibration_).fit(X, y)
        self.classes_ = np.array(["female", "male"])
        self.pipeline_ = Pipeline([("encoder", encoder), ("model", model)])
        return self

    def _folds(self) -> StratifiedKFold:
        return StratifiedKFold(5, shuffle=True, random_state=self.random_state)

    def _model(self, method: str) -> ClassifierMixin:
        model = LogisticModel(self.C)
        return model if method == "none" else CalibratedClassifierCV(model, method=method, cv=self._folds())

    def _choose(self, X: np.ndarray, y: np.ndarray) -> str:
        losses = {}
        for method in ("none", "sigmoid", "isotonic"):
            score = cross_val_predict(self._model(method), X, y, cv=self._folds(), method="predict_proba")[:, 1]
            losses[method] = _losses(y, score).mean()
        return min(losses, key=losses.__getitem__)

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        """(n, 2), chances of 'female' and 'male'."""
        if not len(frame):
            return np.empty((0, 2))
        return self.pipeline_.predict_proba(frame)[:, ::-1]

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """(n,) 'female' or 'male', whichever is likelier."""
        return np.where(self.predict_proba(frame)[:, 0] > 0.5, "female", "male").astype(object)


# Explanations --------------------------------------------------------------------------------------


def contributions(model: Pipeline | GenderModel, frame: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """What each feature adds to each row's log odds, and the log odds it is added to.

    model: fitted, of ``make_model`` or a ``GenderModel`` (log odds of 'female'). Returns (n, features) and the base.

    - ``LogisticModel``: exact. Coefficient times the distance from the average row of training; base: the log odds of
      that row. Base and contributions add up to the log odds of the score.
    - Random forest: path attribution (Saabas). Each split on a row's way down moves the share of positives, and the
      move is credited to the split's feature; base: the share at the roots. That adds up to the score, on the scale of
      probabilities; rescaled by one factor per row it adds up on the scale of log odds. It credits splits near the
      leaves too much and is no Shapley value, but costs no more than a prediction.
    - Other models (boosting, calibrated): the score's log odds minus those with the feature alone set to its typical
      value (median, most frequent level); base: the log odds of the typical row. They do not add up where features
      interact, and features that stand in for each other share less than they are worth together.
    """
    pipeline: Pipeline = getattr(model, "pipeline_", model)
    encoder, estimator = pipeline["encoder"], pipeline["model"]
    names = [*encoder.numeric, *encoder.categorical]
    membership = (encoder.columns_["feature"].to_numpy()[:, None] == np.array(names, dtype=object)).astype(float)
    membership = membership.reshape(len(encoder.columns_), len(names))
    if isinstance(estimator, ConstantRate):
        values, base = np.zeros((len(frame), len(names))), float(special.logit(estimator.rate_))
    elif not len(frame):
        values, base = np.empty((0, len(names))), np.nan
    elif isinstance(estimator, LogisticModel):
        moved = (encoder.transform(frame) - encoder.mean_) * estimator.coef_
        values, base = moved @ membership, float(encoder.mean_ @ estimator.coef_ + estimator.intercept_)
    elif isinstance(estimator, RandomForestClassifier):
        values, base = _path_contributions(estimator, encoder.transform(frame), membership)
    else:
        values, base = _replacement_contributions(pipeline, frame, names)
    return pd.DataFrame(values, columns=names, index=frame.index), base


def _log_odds(chance: ArrayLike) -> np.ndarray:
    return special.logit(np.clip(chance, EPSILON, 1 - EPSILON))


def _path_contributions(
    forest: RandomForestClassifier, X: np.ndarray, membership: np.ndarray
) -> tuple[np.ndarray, float]:
    """(n, features) log odds and the base, by ``contributions``. membership: (columns, features) of 0 and 1."""
    moves, base = np.zeros((len(X), membership.shape[1])), 0.0
    for tree in forest.estimators_:
        shape = tree.tree_
        chance = shape.value[:, 0, 1] / shape.value[:, 0].sum(axis=1)
        parents = np.flatnonzero(shape.children_left >= 0)
        rows, columns, values = [], [], []
        for children in (shape.children_left, shape.children_right):
            rows.append(children[parents])
            columns.append(shape.feature[parents])
            values.append(chance[children[parents]] - chance[parents])
        place = (np.concatenate(rows), np.concatenate(columns))
        move = sparse.csr_array((np.concatenate(values), place), shape=(shape.node_count, X.shape[1]))
        moves += tree.decision_path(X) @ (move @ membership)
        base += chance[0]
    moves, base = moves / len(forest.estimators_), base / len(forest.estimators_)
    chance = base + moves.sum(axis=1)
    distance = chance - base
    clear = np.abs(distance) > 1e-9
    slope = 1 / max(base * (1 - base), EPSILON)
    factor = np.where(clear, (_log_odds(chance) - _log_odds(base)) / np.where(clear, distance, 1), slope)
    return moves * factor[:, None], float(_log_odds(base))


def _replacement_contributions(pipeline: Pipeline, frame: pd.DataFrame, names: list[str]) -> tuple[np.ndarray, float]:
    """(n, features) log odds and the base, by ``contributions``."""
    typical = pipeline["encoder"].typical_
    own = _log_odds(pipeline.predict_proba(frame)[:, 1])
    values = np.empty((len(frame), len(names)))
    for position, name in enumerate(names):
        replaced = frame.assign(**{name: None if typical[name] == MISSING else typical[name]})
        values[:, position] = own - _log_odds(pipeline.predict_proba(replaced)[:, 1])
    row = pd.DataFrame([{name: None if typical[name] == MISSING else typical[name] for name in names}])
    return values, float(_log_odds(pipeline.predict_proba(row)[0, 1]))


def explain(
    model: Pipeline | GenderModel, frame: pd.DataFrame, top: int = 3, labels: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """The strongest reasons for each row's score, in plain words.

    model, frame: as for ``contributions``, which says what a contribution is. top: reasons per row; a feature that adds
    nothing is no reason. labels: words for features; by default their names, ``views_30d`` as 'views in 30 days'.
    Returns one row per row of the frame and rank: row (its index), rank (1 is the strongest), feature, contribution
    (log odds, above 0 speaks for), reason, such as 'device type is mobile' or 'views in 30 days: 12 (typical 3)'.
    """
    values, _ = contributions(model, frame)
    pipeline: Pipeline = getattr(model, "pipeline_", model)
    encoder = pipeline["encoder"]
    top = min(top, values.shape[1])
    amounts = values.to_numpy()
    strongest = np.argsort(-np.abs(amounts), axis=1, kind="stable")[:, :top]
    columns = ["row", "rank", "feature", "contribution", "reason"]
    words = {name: (labels or {}).get(name, _words(name)) for name in values.columns}
    numbers = dict(zip(encoder.numeric, _numbers(frame, encoder.numeric).T, strict=True))
    texts = dict(zip(encoder.categorical, _texts(frame, encoder.categorical).T, strict=True))
    seen = {name: set(levels) for name, levels in zip(encoder.categorical, _levels(encoder), strict=True)}
    rows = []
    for position, (row, places) in enumerate(zip(frame.index, strongest, strict=True)):
        for rank, place in enumerate(places, start=1):
            if amounts[position, place] == 0:
                break
            name = values.columns[place]
            if name in numbers:
                reason = _number_reason(words[name], numbers[name][position], encoder.typical_[name])
            else:
                level = texts[name][position]
                reason = f"{words[name]} is {'unknown' if level == MISSING else level}"
                reason += "" if level in seen[name] or level == MISSING else " (new to the model)"
            rows.append((row, rank, name, float(amounts[position, place]), reason))
    return pd.DataFrame(rows, columns=columns)


def _levels(encoder: Encoder) -> list[np.ndarray]:
    return encoder.one_hot_.categories_ if len(encoder.categorical) else []


def _words(name: str) -> str:
    return re.sub(r"_(\d+)d$", r" in \1 days", name).replace("_", " ")


def _number_reason(words: str, value: float, typical: float) -> str:
    if np.isnan(value):
        return f"{words} is unknown"
    return f"{words}: {_short(value)} (typical {_short(typical)})"


def _short(value: float) -> str:
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
