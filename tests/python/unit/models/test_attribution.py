"""Removal effects, by hand, by a published example, by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from precision_marketing.models.attribution import CONVERSION, LOST, START, count_transitions, removal_effects

# The example that is used to explain the method in texts on the R package ChannelAttribution: C1 > C2 > C3 converts,
# C1 and C2 > C3 do not. P(conversion) = (2/3 x 1/2 + 1/3) x 1/2 = 1/3; without C1 1/3 x 1/2 = 1/6, without C2 or C3 0.
# Removal effects 0.5, 1, 1, so of one conversion 0.2, 0.4 and 0.4.
TEXTBOOK = [(("C1", "C2", "C3"), 1, 0), (("C1",), 0, 1), (("C2", "C3"), 0, 1)]


def effects(paths) -> pd.DataFrame:
    return removal_effects(count_transitions(paths)).set_index("channel")


def last_click(paths) -> pd.Series:
    """The naive baseline: share of the conversions by the last channel."""
    last = pd.Series([channels[-1] for channels, converted, _ in paths for _ in range(converted)])
    return last.value_counts(normalize=True)


def test_the_published_example() -> None:
    found = effects(TEXTBOOK)
    assert found["removal_effect"].tolist() == pytest.approx([0.5, 1, 1], abs=1e-12)
    assert found["share"].tolist() == pytest.approx([0.2, 0.4, 0.4], abs=1e-12)
    # The last click alone gives everything to C3, though no order came without C2.
    assert last_click(TEXTBOOK).to_dict() == {"C3": 1.0}


def test_transitions_of_the_published_example() -> None:
    counts = count_transitions(TEXTBOOK).set_index(["from_state", "to_state"])["transitions"].to_dict()
    assert counts == {
        (START, "C1"): 2, (START, "C2"): 1, ("C1", "C2"): 1, ("C1", LOST): 1, ("C2", "C3"): 2,
        ("C3", CONVERSION): 1, ("C3", LOST): 1,
    }  # fmt: skip


def test_a_channel_without_part_in_any_order_gets_nothing() -> None:
    found = effects([(("a",), 3, 1), (("b",), 0, 5)])
    assert found["share"].to_dict() == {"a": 1.0, "b": 0.0}


def test_a_channel_touched_twice_running_changes_nothing() -> None:
    """A loop delays a path; it takes it nowhere else."""
    once = count_transitions([(("a", "b"), 2, 0), (("b", "a"), 1, 1), (("a",), 1, 2)])
    loop = pd.DataFrame([("a", "a", 7)], columns=once.columns)
    pd.testing.assert_frame_equal(removal_effects(pd.concat([once, loop])), removal_effects(once))


def test_chances_agree_with_simulated_paths() -> None:
    """The chain solved and the chain walked 200,000 times."""
    rng = np.random.default_rng(1)
    names = ["a", "b", "c"]
    paths = [
        (tuple(rng.choice(names, rng.integers(1, 5)).tolist()), int(rng.integers(0, 3)), int(rng.integers(0, 6)))
        for _ in range(30)
    ]
    transitions = count_transitions(paths)
    found = removal_effects(transitions).set_index("channel")["removal_effect"]
    table = transitions.pivot(index="from_state", columns="to_state", values="transitions").fillna(0)
    cumulative = (table.div(table.sum(axis=1), axis=0)).cumsum(axis=1)

    def converted(removed: str | None) -> float:
        state = np.full(200_000, START, dtype=object)
        while (walking := ~np.isin(state, [CONVERSION, LOST])).any():
            for now in set(state[walking]):
                here = np.flatnonzero(state == now)
                step = np.minimum(cumulative.loc[now].searchsorted(rng.uniform(size=len(here)), side="right"),
                                  len(table.columns) - 1)  # fmt: skip
                state[here] = np.where(table.columns[step] == removed, LOST, table.columns[step])
        return float((state == CONVERSION).mean())

    whole = converted(None)
    for name in names:
        assert found[name] == pytest.approx(1 - converted(name) / whole, abs=0.02)


@pytest.mark.parametrize(
    "paths", [[], [(("a",), 0, 3), (("b", "a"), 0, 1)]], ids=["no path", "no conversion"]
)  # fmt: skip
def test_without_conversions_there_is_no_credit(paths) -> None:
    found = removal_effects(count_transitions(paths))
    assert found.empty and list(found.columns) == ["channel", "removal_effect", "share"]


def test_one_channel_gets_everything() -> None:
    assert effects([(("a",), 1, 0)])["share"].to_dict() == {"a": 1.0}


def test_unusable_counts_are_refused() -> None:
    columns = ["from_state", "to_state", "transitions"]
    with pytest.raises(ValueError, match="negative"):
        removal_effects(pd.DataFrame([(START, "a", -1)], columns=columns))
    endless = [(START, "a", 1), ("a", CONVERSION, 1), (START, "b", 1), ("b", "c", 1), ("c", "b", 1)]
    with pytest.raises(ValueError, match="never left"):
        removal_effects(pd.DataFrame(endless, columns=columns))
