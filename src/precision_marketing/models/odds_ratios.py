"""Odds ratios of a logistic regression, with intervals that cover the truth.

Coefficients of an L2-penalised fit are shrunk: they score well, but an interval around them misses the truth by design.
``odds_ratios`` therefore fits anew for inference, by Firth's likelihood, which has no tuning constant, removes the
first-order bias of maximum likelihood with few positives, and stays finite where a level has none.

Sources: Firth, Biometrika 80 (1993); Heinze and Schemper, Statistics in Medicine 21 (2002); Liang and Zeger, Biometrika
73 (1986), the clustered sandwich.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import special, stats

from precision_marketing.models.encoding import Encoder, Features
from precision_marketing.models.evaluation import EPSILON, Z, customer_codes, labels_and_scores

ODDS_COLUMNS = (
    "feature", "level", "reference", "coefficient", "standard_error", "odds_ratio", "ci_low", "ci_high", "p_value",
)  # fmt: skip


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
    odds_ratio, ci_low and ci_high are odds. A column that is a combination of earlier ones has NaN, and all have where
    the fit is singular. Empty unless y has both classes. Raises ValueError for a reference that is no level.
    """
    (y,) = labels_and_scores(y)
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
    try:
        beta, inverse, residuals = _firth(X, y)
    except np.linalg.LinAlgError:  # columns that are nearly combinations of others, or numbers of very different sizes
        nothing = np.full(X.shape[1], np.nan)
        beta, inverse, residuals = nothing, np.diag(nothing), np.full(len(y), np.nan)
    variance = np.diag(inverse)
    codes = customer_codes(groups, len(y))
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
