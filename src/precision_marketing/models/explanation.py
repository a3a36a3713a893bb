"""What moved a score: contributions of the features to its log odds, and the strongest ones in words.

Source: Saabas, "Interpreting random forests" (2014).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse, special
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from precision_marketing.models.classification import ConstantRate, LogisticModel
from precision_marketing.models.encoding import MISSING, OTHER, levels_of, numbers_of, texts_of
from precision_marketing.models.evaluation import EPSILON
from precision_marketing.models.gender import GenderModel


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
    for name, levels in zip(encoder.categorical, levels_of(encoder), strict=True):
        other = weights.get((name, OTHER), 0.0)
        card["categorical"][name] = {level: weights.get((name, level), other) for level in levels}
    return card


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
    numbers = dict(zip(encoder.numeric, numbers_of(frame, encoder.numeric).T, strict=True))
    texts = dict(zip(encoder.categorical, texts_of(frame, encoder.categorical).T, strict=True))
    seen = {name: set(levels) for name, levels in zip(encoder.categorical, levels_of(encoder), strict=True)}
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
