"""How good the probabilities of a classifier are on rows that it did not see: figures, curves, lift and fairness.

Figures come with 95% intervals that take customers, not rows, as the unit that is drawn, where customers are given.

Sources: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), and Obuchowski, Biometrics 53 (1997), its clustered
form; Platt (1999) and Zadrozny and Elkan (2002), calibration.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import special, stats

from precision_marketing.models.encoding import texts_of
from precision_marketing.models.inputs import require_columns
from precision_marketing.models.training import Metric

REPLICATES = 300
# Scores are held this far from 0 and 1 before a logarithm is taken.
EPSILON = 1e-12
Z = float(stats.norm.ppf(0.975))


def labels_and_scores(y: np.ndarray, *scores: np.ndarray) -> tuple[np.ndarray, ...]:
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


def customer_codes(groups: np.ndarray | None, n: int) -> np.ndarray:
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
    codes = customer_codes(groups, len(y))
    influence = (placed - auc) / np.where(y, positives, negatives)[:, None]
    sides = [np.array([np.bincount(codes, column * side) for column in influence.T]) for side in (y, ~y)]
    counts = [len(set(codes[side])) for side in (y, ~y)]
    if min(counts) < 2:
        return auc, np.full((len(auc), len(auc)), np.nan)
    own = (part @ part.T * count / (count - 1) for part, count in zip(sides, counts, strict=True))
    mixed = sides[0] @ sides[1].T * len(set(codes)) / (len(set(codes)) - 1)
    return auc, sum(own) + mixed + mixed.T


def log_losses(y: np.ndarray, score: np.ndarray) -> np.ndarray:
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
    y, score = labels_and_scores(y, score)
    n = len(y)
    if n == 0:
        return []
    constant = np.broadcast_to(y.mean() if base_rate is None else np.asarray(base_rate, dtype=float), n)
    losses, naive_losses = log_losses(y, score), log_losses(y, constant)
    squares = (score - y) ** 2
    bins = _bins(score, 10)
    precision = _AveragePrecision(y, score)
    both = 0 < y.sum() < n

    def figures(weights: np.ndarray) -> list[float]:
        total = weights.sum()
        calibration = np.abs(np.bincount(bins, weights * (y - score))).sum() / total
        means = [weights @ losses / total, weights @ (naive_losses - losses) / total, weights @ squares / total]
        return [*means, calibration, precision(weights)]

    codes = customer_codes(groups, n)
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
    y, score = labels_and_scores(y, score)
    columns = ["bin", "rows", "mean_score", "positive_rate", "ci_low", "ci_high"]
    if len(y) == 0:
        return pd.DataFrame(columns=columns)
    groups = pd.DataFrame({"bin": _bins(score, bins), "y": y, "score": score}).groupby("bin")
    table = groups.agg(rows=("y", "size"), mean_score=("score", "mean"), positive_rate=("y", "mean")).reset_index()
    table["bin"] = np.arange(1, len(table) + 1)
    positives = groups["y"].sum().astype(int)
    limits = [
        stats.binomtest(k, n).proportion_ci(method="wilson") for k, n in zip(positives, table["rows"], strict=True)
    ]
    table[["ci_low", "ci_high"]] = np.array(limits, dtype=float)
    return table[columns]


def decile_table(y: np.ndarray, score: np.ndarray) -> pd.DataFrame:
    """Lift and gain by tenth of the rows, highest scores first.

    Rows of the same score share their positives evenly, so the order of rows changes nothing and a constant score has
    a lift of 1 everywhere. Returns decile (1 to 10, fewer for fewer rows), rows, positives, positive_rate, mean_score,
    lift (rate over the rate of all; NaN without positives), gain (share of all positives down to here).
    """
    y, score = labels_and_scores(y, score)
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
    require_columns(frame, (*groups, target, score))
    y, scores = labels_and_scores(frame[target], frame[score])
    selected = _selected(scores, top)
    rows = []
    for group, texts in zip(groups, texts_of(frame, groups).T, strict=True):
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
