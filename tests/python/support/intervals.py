"""Confidence intervals that tests of several layers compare shares with."""

from __future__ import annotations

from scipy import stats

Z99 = 2.5758293035489004


def wilson(successes: int, trials: int, level: float = 0.99) -> tuple[float, float]:
    """Wilson's interval of a share (1927)."""
    low, high = stats.binomtest(int(successes), int(trials)).proportion_ci(level, "wilson")
    return low, high
