"""How well a score of customers tells whom an offer changes: the Qini coefficient and its curve.

A customer is seen with the offer or without, so no row holds its own uplift. With e the chance of being treated, and
m1, m0 guesses of both outcomes that come from other customers,

    g = m1 - m0 + treated / e * (y - m1) - (1 - treated) / (1 - e) * (y - m0)

has the mean uplift of any group that is chosen by its features as its mean (augmented inverse propensity weighting).
The *Qini coefficient* of a score is the mean of g * (u - 1/2), u the customer's place by score from 0 (lowest) to 1:
the area between the curve of what is gained by treating the best customers first and the line of treating customers at
random. It is in units of the outcome per customer; a constant score has exactly 0.

Sources: Radcliffe, "Using control groups to target on predicted lift" (2007), Qini; Robins, Rotnitzky and Zhao, JASA 89
(1994), g.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from precision_marketing.models.evaluation import customer_codes
from precision_marketing.models.training import Metric

REPLICATES = 300


def gains(
    outcome: np.ndarray,
    treated: np.ndarray,
    propensity: np.ndarray | None = None,
    expected: np.ndarray | None = None,
) -> np.ndarray:
    """(n,) g of the module: its mean over customers chosen by their features is their mean uplift.

    outcome: (n,) finite; treated: (n,) 0 or 1, both present; propensity: (n,) chances of treatment strictly between 0
    and 1, by default the share that was treated; expected: (n, 2) outcomes without and with treatment as models of
    *other* rows guess them, by default the mean of each arm. Units of the outcome. Raises ValueError otherwise.
    """
    outcome, treated = finite_numbers("outcome", outcome), finite_numbers("treated", treated)
    if treated.shape != outcome.shape:
        raise ValueError(f"{len(outcome)} outcomes, but {len(treated)} of treated")
    if not np.isin(treated, (0, 1)).all():
        raise ValueError("treated must be 0 or 1")
    if not 0 < treated.sum() < len(treated):
        raise ValueError("treated holds one value only: there is nobody to compare with")
    chance = np.full(len(outcome), treated.mean()) if propensity is None else finite_numbers("propensity", propensity)
    if chance.shape != outcome.shape or not ((chance > 0) & (chance < 1)).all():
        raise ValueError("propensity must be one number strictly between 0 and 1 for each outcome")
    with_it, without = treated / chance, (1 - treated) / (1 - chance)
    if expected is None:
        expected = np.broadcast_to(
            [without @ outcome / without.sum(), with_it @ outcome / with_it.sum()], (len(outcome), 2)
        )
    guess0, guess1 = np.asarray(expected, float).T
    return guess1 - guess0 + with_it * (outcome - guess1) - without * (outcome - guess0)


def finite_numbers(name: str, values: Any) -> np.ndarray:
    """The values as floats. Raises ValueError, which names them, if some are missing, infinite or no numbers."""
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} holds values that are no numbers") from error
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} holds missing or infinite values")
    return numbers


class Ranking:
    """The Qini coefficient of one score under many weightings of the same rows: sorts once, ties share a place."""

    def __init__(self, gain: np.ndarray, score: np.ndarray) -> None:
        self.order = np.argsort(score, kind="stable")
        self.gain = gain[self.order]
        self.starts = np.r_[0, np.flatnonzero(np.diff(score[self.order])) + 1]

    def __call__(self, weights: np.ndarray) -> float:
        weights = weights[self.order]
        total = weights.sum()
        sizes = np.add.reduceat(weights, self.starts)
        places = (np.cumsum(sizes) - sizes / 2) / total
        return float(np.add.reduceat(weights * self.gain, self.starts) @ (places - 0.5) / total)


def places_of(score: np.ndarray) -> np.ndarray:
    """(n,) places from 0 to 1 by score; ties share one."""
    return (pd.Series(score).rank().to_numpy() - 0.5) / max(len(score), 1)


def intervals(
    figures: Callable[[np.ndarray], Sequence[float]], codes: np.ndarray, replicates: int, random_state: int
) -> list[tuple[float | None, float | None]]:
    """95% percentile intervals of figures of weights (n,), customers drawn anew; None for one customer."""
    count = codes.max() + 1
    wanted = len(figures(np.ones(len(codes))))
    if count < 2:
        return [(None, None)] * wanted
    rng = np.random.default_rng(random_state)
    draws = (
        np.bincount(rng.integers(0, count, count), minlength=count)[codes].astype(float) for _ in range(replicates)
    )
    low, high = np.quantile(np.array([figures(weights) for weights in draws]), [0.025, 0.975], axis=0)
    return [(float(a), float(b)) for a, b in zip(low, high, strict=True)]


def qini(
    outcome: np.ndarray,
    treated: np.ndarray,
    score: np.ndarray,
    propensity: np.ndarray | None = None,
    *,
    customers: np.ndarray | None = None,
    expected: np.ndarray | None = None,
    replicates: int = REPLICATES,
    random_state: int = 0,
) -> Metric:
    """The Qini coefficient of scores (n,) of rows that their model did not see, with its 95% bootstrap interval.

    Units of the outcome per customer: what treating by score gains over treating at random, averaged over all sizes of
    a campaign. A constant score has 0; a score that is worse than chance is negative. customers: (n,), those drawn
    anew; by default each row is one. The other arguments and errors are those of ``gains``; score must be finite.
    """
    gain, score = gains(outcome, treated, propensity, expected), finite_numbers("score", score)
    if score.shape != gain.shape:
        raise ValueError(f"{len(gain)} outcomes, but {len(score)} scores")
    ranking, codes = Ranking(gain, score), customer_codes(customers, len(gain))
    (limits,) = intervals(lambda weights: [ranking(weights)], codes, replicates, random_state)
    return Metric("qini", ranking(np.ones(len(gain))), *limits, 0.0, len(gain))


def qini_curve(
    outcome: np.ndarray,
    treated: np.ndarray,
    score: np.ndarray,
    propensity: np.ndarray | None = None,
    *,
    expected: np.ndarray | None = None,
    points: int = 20,
) -> pd.DataFrame:
    """What treating the best customers first gains: share (0 to 1), gain and at_random, per customer of all.

    Units of the outcome. Tied customers share their gain evenly, so the order of rows changes nothing. Errors as in
    ``qini``.
    """
    gain, score = gains(outcome, treated, propensity, expected), finite_numbers("score", score)
    shared = pd.Series(gain).groupby(score).transform("mean").to_numpy()[np.argsort(-score, kind="stable")]
    share = np.linspace(0, 1, points + 1)
    total = np.interp(share, np.arange(len(gain) + 1) / len(gain), np.r_[0, np.cumsum(shared)] / len(gain))
    return pd.DataFrame({"share": share, "gain": total, "at_random": share * total[-1]})
