"""The chance that a customer is a woman, from what they look at and buy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline

from precision_marketing.models.classification import DEFAULT_C, ConstantRate, LogisticModel
from precision_marketing.models.encoding import Encoder
from precision_marketing.models.evaluation import log_losses


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
            losses[method] = log_losses(y, score).mean()
        return min(losses, key=losses.__getitem__)

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        """(n, 2), chances of 'female' and 'male'."""
        if not len(frame):
            return np.empty((0, 2))
        return self.pipeline_.predict_proba(frame)[:, ::-1]

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """(n,) 'female' or 'male', whichever is likelier."""
        return np.where(self.predict_proba(frame)[:, 0] > 0.5, "female", "male").astype(object)
