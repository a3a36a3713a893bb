"""Learners of uplift on encoded features: the average, T, X and class transformation.

Each is on a linear base (logistic regression, ridge) or a boosted one (histogram gradient boosting):
- *average*: the mean effect for everybody, the baseline;
- *T*: one model of the outcome per arm, and their difference;
- *X*: the effects that the T-learner imputes to each row, learned again per arm and mixed by the chance of treatment;
- *class transformation*: for an outcome of 0 or 1, the chance that treatment and outcome agree, arms weighted alike,
  is (1 + uplift) / 2; for money, the regression of y * (treated - e) / (e * (1 - e)).

Sources: Künzel, Sekhon, Bickel and Yu, PNAS 116 (2019), T and X; Jaskowski and Jaroszewicz, ICML workshop (2012), class
transformation; Athey and Imbens, PNAS 113 (2016), for money.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from precision_marketing.models.qini import gains

BASELINE = "average"
# From steady to flexible: of two that are as good, the earlier is the champion.
CANDIDATES = (BASELINE, "x_linear", "t_linear", "class_linear", "x_boosted", "t_boosted", "class_boosted")


class MeanOutcome(BaseEstimator):
    """The expected outcome given encoded features: base 'linear' or 'boosted'; a constant where nothing varies.

    is_binary: whether the outcome is 0 or 1; then a classifier's chance is the mean, from 0 to 1.
    """

    def __init__(self, base: str, is_binary: bool, random_state: int = 0) -> None:
        self.base = base
        self.is_binary = is_binary
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> MeanOutcome:
        """X (n, p), y and weights (n,)."""
        self.constant_, self.model_ = float(np.average(y, weights=weights)), None
        if X.shape[1] and np.ptp(y) > 0:
            self.model_ = self._estimator().fit(X, y, sample_weight=weights)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n,) expected outcomes."""
        if self.model_ is None:
            return np.full(len(X), self.constant_)
        if not len(X):
            return np.empty(0)
        return self.model_.predict_proba(X)[:, 1] if self.is_binary else self.model_.predict(X)

    def _estimator(self) -> Any:
        if self.base == "linear":
            return LogisticRegression(C=1.0, solver="newton-cholesky") if self.is_binary else Ridge(alpha=10.0)
        kind = HistGradientBoostingClassifier if self.is_binary else HistGradientBoostingRegressor
        return kind(
            learning_rate=0.1, max_iter=50, max_leaf_nodes=8, min_samples_leaf=50, l2_regularization=1.0,
            early_stopping=False, random_state=self.random_state,
        )  # fmt: skip


class _Learner(BaseEstimator):
    """fit(X, treated, y, chance) on encoded features, then effect(X): (n,) in units of the outcome."""

    def __init__(self, base: str = "linear", is_binary: bool = True, random_state: int = 0) -> None:
        self.base = base
        self.is_binary = is_binary
        self.random_state = random_state

    def _mean(self, is_binary: bool) -> MeanOutcome:
        return MeanOutcome(self.base, is_binary, self.random_state)


class AverageEffect(_Learner):
    """The mean effect, for everybody."""

    def fit(self, X: np.ndarray, treated: np.ndarray, y: np.ndarray, chance: np.ndarray) -> AverageEffect:
        """X (n, p); treated, y, chance (n,)."""
        self.effect_ = float(gains(y, treated, chance).mean())
        return self

    def effect(self, X: np.ndarray) -> np.ndarray:
        """(n,) uplift."""
        return np.full(len(X), self.effect_)


class TLearner(_Learner):
    """One model of the outcome per arm; the uplift is their difference."""

    def fit(self, X: np.ndarray, treated: np.ndarray, y: np.ndarray, chance: np.ndarray) -> TLearner:
        """X (n, p); treated, y, chance (n,)."""
        self.arms_ = [self._mean(self.is_binary).fit(X[treated == arm], y[treated == arm]) for arm in (0, 1)]
        return self

    def outcomes(self, X: np.ndarray) -> np.ndarray:
        """(n, 2) expected outcomes without and with treatment."""
        return np.column_stack([arm.predict(X) for arm in self.arms_])

    def effect(self, X: np.ndarray) -> np.ndarray:
        """(n,) uplift."""
        return np.diff(self.outcomes(X))[:, 0]


class XLearner(_Learner):
    """The effects that the T-learner imputes, learned again in each arm, mixed by the mean chance of treatment."""

    def fit(
        self, X: np.ndarray, treated: np.ndarray, y: np.ndarray, chance: np.ndarray, first: TLearner | None = None
    ) -> XLearner:
        """X (n, p); treated, y, chance (n,); first: the T-learner of these rows, where it is fitted already."""
        first = first or TLearner(self.base, self.is_binary, self.random_state).fit(X, treated, y, chance)
        without, with_it = first.outcomes(X).T
        imputed = np.where(treated == 1, y - without, with_it - y)
        self.effects_ = [self._mean(False).fit(X[treated == arm], imputed[treated == arm]) for arm in (0, 1)]
        self.chance_ = float(np.mean(chance))
        return self

    def effect(self, X: np.ndarray) -> np.ndarray:
        """(n,) uplift."""
        control, treatment = (arm.predict(X) for arm in self.effects_)
        return self.chance_ * control + (1 - self.chance_) * treatment


class ClassTransformation(_Learner):
    """One model of a transformed outcome whose mean gives the uplift."""

    def fit(self, X: np.ndarray, treated: np.ndarray, y: np.ndarray, chance: np.ndarray) -> ClassTransformation:
        """X (n, p); treated, y, chance (n,)."""
        if self.is_binary:
            weights = np.where(treated == 1, 0.5 / chance, 0.5 / (1 - chance))
            self.model_ = self._mean(True).fit(X, (y == treated).astype(int), weights)
        else:
            centred = y - y.mean()  # a constant adds noise to the transformed outcome and no effect
            self.model_ = self._mean(False).fit(X, centred * (treated - chance) / (chance * (1 - chance)))
        return self

    def effect(self, X: np.ndarray) -> np.ndarray:
        """(n,) uplift."""
        found = self.model_.predict(X)
        return 2 * found - 1 if self.is_binary else found


def make_learner(name: str, is_binary: bool, random_state: int = 0) -> Any:
    """An unfitted learner, one of ``CANDIDATES``. Raises ValueError for another name."""
    if name not in CANDIDATES:
        raise ValueError(f"no candidate is called {name!r}; there are {', '.join(CANDIDATES)}")
    kinds = {"average": AverageEffect, "t": TLearner, "x": XLearner, "class": ClassTransformation}
    kind, _, base = name.partition("_")
    return kinds[kind](base or "linear", is_binary, random_state)


class Rows(NamedTuple):
    """What learners are fitted to: X (n, p); treated, y and the chance of treatment (n,)."""

    X: np.ndarray
    treated: np.ndarray
    y: np.ndarray
    chance: np.ndarray

    def where(self, kept: np.ndarray) -> Rows:
        """The rows of a mask (n,)."""
        return Rows(*(part[kept] for part in self))


def fit_learners(
    names: Sequence[str], rows: Rows, is_binary: bool, random_state: int = 0
) -> tuple[dict[str, Any], TLearner]:
    """Fitted learners by name, and the linear T-learner, which foretells both outcomes.

    Raises ValueError as ``make_learner`` does.
    """
    outcomes: dict[str, TLearner] = {}
    for base in ("linear", *(["boosted"] if {"t_boosted", "x_boosted"} & set(names) else [])):
        outcomes[base] = TLearner(base, is_binary, random_state).fit(*rows)
    fitted: dict[str, Any] = {}
    for name in names:
        kind, _, base = name.partition("_")
        learner = make_learner(name, is_binary, random_state)
        if kind == "t":
            fitted[name] = outcomes[base]
        else:
            fitted[name] = learner.fit(*rows, first=outcomes[base]) if kind == "x" else learner.fit(*rows)
    return fitted, outcomes["linear"]
