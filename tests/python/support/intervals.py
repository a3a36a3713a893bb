"""Confidence intervals that tests of several layers compare shares with."""

from __future__ import annotations

import math

Z99 = 2.5758293035489004


def wilson(successes: float, trials: float, z: float = Z99) -> tuple[float, float]:
    """Wilson's interval of a share (1927)."""
    share = successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)) / (1 + z**2 / trials)
    return centre - half, centre + half
