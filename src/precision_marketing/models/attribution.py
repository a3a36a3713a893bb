"""Markov attribution: what the chance of an order would lose without a channel.

Customers' paths of touches are taken for a first-order Markov chain. Its states are the channels, the ``START`` of a
path and two ends that are never left: ``CONVERSION`` and ``LOST``. The transition probabilities are the shares of the
transitions counted, so the counts of a few dozen pairs of channels are all that is needed, however many paths there
were. The *removal effect* of a channel is the part of the chance of a conversion that is lost when every path ends,
lost, where it would have entered that channel. The chances are solved for, not simulated. Removal effects add up to
more than 1, so credit is given in proportion to them.

Sources: Anderl, Becker, von Wangenheim and Schumann, "Mapping the customer journey: Lessons learned from graph-based
online attribution modeling", Int. J. Research in Marketing 33 (2016); Kemeny and Snell, "Finite Markov Chains"
(1960), chapter III.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

START, CONVERSION, LOST = "(start)", "(conversion)", "(lost)"
EFFECT_SCHEMA = "channel string, removal_effect double, share double"


def count_transitions(paths: Iterable[tuple[Sequence[str], int, int]]) -> pd.DataFrame:
    """Transitions of paths given as (channels, times it ended in a conversion, times it was lost).

    Returns the columns from_state, to_state, transitions. The warehouse counts them in SQL
    (`int_attribution_transitions`); this is for paths at hand.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for channels, converted, lost in paths:
        for step in zip([START, *channels[:-1]], channels, strict=True):
            counts[step] += converted + lost
        counts[channels[-1], CONVERSION] += converted
        counts[channels[-1], LOST] += lost
    rows = [(*step, count) for step, count in counts.items() if count]
    return pd.DataFrame(rows, columns=["from_state", "to_state", "transitions"])


def _conversion_probability(steps: np.ndarray, converted: np.ndarray) -> float:
    """Chance of the conversion from state 0.

    steps: (s, s) probabilities between states; converted: (s,) of stepping to the conversion. Rows add up to at most
    1, the rest is lost. Every state must have a way out, which the shares of real paths have.
    """
    return float(np.linalg.solve(np.eye(len(steps)) - steps, converted)[0])


def removal_effects(transitions: pd.DataFrame) -> pd.DataFrame:
    """Removal effect and share of the credit per channel.

    transitions: from_state, to_state and transitions (counts, not negative), at most one row per pair of states.
    Returns the columns of ``EFFECT_SCHEMA``, one row per channel, sorted by it: removal_effect 0 to 1, the shares add
    up to 1. Empty when no path ended in a conversion, for then no channel can have any part in one. Raises ValueError
    for a negative count and for channels that a path, once there, never leaves.
    """
    if (transitions["transitions"] < 0).any():
        raise ValueError("counts of transitions must not be negative")
    transitions = transitions[transitions["transitions"] > 0]
    channels = sorted({*transitions["from_state"], *transitions["to_state"]} - {START, CONVERSION, LOST})
    empty = pd.DataFrame({"channel": [], "removal_effect": [], "share": []})
    if CONVERSION not in set(transitions["to_state"]):
        return empty

    states = [START, *channels]
    table = transitions.pivot(index="from_state", columns="to_state", values="transitions")
    counts = table.reindex(index=states, columns=[*states, CONVERSION, LOST]).fillna(0).to_numpy(float)
    leaving = counts.sum(axis=1, keepdims=True)
    probabilities = counts / np.where(leaving > 0, leaving, 1)
    steps, converted = probabilities[:, : len(states)], probabilities[:, len(states)]
    try:
        whole = _conversion_probability(steps, converted)
        removed = []
        for position in range(1, len(states)):
            rest = [state for state in range(len(states)) if state != position]
            without = _conversion_probability(steps[np.ix_(rest, rest)], converted[rest])
            removed.append(1 - without / whole if whole > 0 else 0.0)
    except np.linalg.LinAlgError as error:
        raise ValueError("some channels are never left: their paths have no end") from error
    effects = np.clip(removed, 0, 1)
    if not effects.sum() > 0:
        return empty
    return pd.DataFrame({"channel": channels, "removal_effect": effects, "share": effects / effects.sum()})
