"""Declared features of a frame as a matrix of numbers.

Features are numeric or categorical (``Features``); other columns are never looked at. Numbers are standardised; a
missing one becomes the mean and sets an indicator. Categories become one column per level; rare levels share one, and
a level that training did not see is all zeros. Constant features fall out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from precision_marketing.models.inputs import require_columns

MAX_LEVELS = 50
MISSING, OTHER = "(missing)", "(other)"


class Features(NamedTuple):
    """The names of a model's numeric and categorical features."""

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()


def numbers_of(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
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


def level_text(value: Any) -> str:
    """A category as text, as Spark casts it; 1 and 1.0, a column without and with nulls, are one level."""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float | np.floating) and value == round(value) else str(value)


def texts_of(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """(n, len(names)) levels as text, ``MISSING`` where missing."""
    texts = np.empty((len(frame), len(names)), dtype=object)
    for position, name in enumerate(names):
        codes, levels = pd.factorize(frame[name])
        texts[:, position] = np.array([*map(level_text, levels), MISSING], dtype=object)[codes]
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
        values, texts = numbers_of(frame, self.numeric), texts_of(frame, self.categorical)
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
        return self._encode(numbers_of(frame, self.numeric), texts_of(frame, self.categorical))[:, self.kept_]

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the columns, such as age and device_type=mobile."""
        names = self.columns_["feature"] + np.where(self.columns_["level"] == "", "", "=" + self.columns_["level"])
        return names.to_numpy(dtype=object)

    def _check(self, frame: pd.DataFrame) -> None:
        require_columns(frame, (*self.numeric, *self.categorical))

    def _encode(self, values: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """All columns, constant ones too, of ``numbers_of`` and ``texts_of``."""
        parts = [np.empty((len(values), 0))]
        if len(self.numeric):
            values, numbers = self.imputer_.transform(values), len(self.numeric)
            parts += [self.scaler_.transform(values[:, :numbers]), values[:, numbers:]]
        if len(self.categorical):
            parts.append(self.one_hot_.transform(texts))
        return np.hstack(parts)


def levels_of(encoder: Encoder) -> list[np.ndarray]:
    return encoder.one_hot_.categories_ if len(encoder.categorical) else []
