"""The seeds are files of this project: what they may say is checked without a warehouse.

dbt tests only what would go wrong in silence in somebody's clone. The rest shows in the suites of the marts that are
made of a seed: a goal twice is a goal of `goal_gaps` twice.
"""

from __future__ import annotations

import csv
import re
import zoneinfo

import pytest

import harness

KEYS = {
    "budget_channels": ("channel",),
    "column_limits": ("table_name", "column_name"),
    "experiment_metrics": ("metric",),
    "experiment_variants": ("experiment_id", "variant"),
    "funnel_steps": ("funnel", "step"),
    "goals": ("goal",),
    "linkage_limits": ("relation", "key_name"),
    "model_judges": ("model_name",),
    "offers": ("campaign_id",),
    "pii_register": ("table_name", "column_name"),
    "proposed_mix": ("proposal", "segment", "channel"),
    "reidentification_limits": ("table_name", "combination", "k"),
    "rfm_value_groups": ("recent", "frequent", "valuable"),
    "segment_strategies": ("segment_id",),
    "spellings": ("field", "spelling"),
    "tag_catalogue": ("attribute",),
    "value_targets": ("metric",),
}
VALUES = {
    ("experiment_metrics", "aggregate"): {"any", "count", "sum"},
    ("experiment_metrics", "direction"): {"up", "down"},
    ("experiment_metrics", "source"): {"orders", "visits", "clicks"},
    ("experiment_variants", "is_control"): {"true", "false"},
    ("funnel_steps", "funnel"): {"behaviour", "advertising"},
    ("goals", "direction"): {"at_least", "at_most"},
    ("goals", "metric"): {
        "net_revenue", "orders", "new_customers", "roi", "acquisition_cost", "ctr", "conversion_rate",
        "offer_revenue",
    },
    ("pii_register", "level"): {"L1", "L2", "L3", "L4"},
    ("tag_catalogue", "level"): {"L1", "L2"},
    ("tag_catalogue", "type"): {"static", "dynamic", "predicted"},
    ("value_targets", "comparison"): {"at_least", "above", "at_most"},
    ("value_targets", "level"): {"process", "effect", "business"},
}  # fmt: skip
MAY_BE_EMPTY = {"budget_channels", "proposed_mix"}
GIVEN = {
    "offers": ("offer_type", "discount", "channel", "contact_cost", "reason"),
    "experiment_metrics": ("source", "aggregate", "direction", "family"),
    "experiment_variants": ("is_control", "share"),
    "funnel_steps": ("step_rank",),
    "column_limits": ("reason",),
    "goals": ("period_days", "target", "reason"),
    "linkage_limits": ("max_unknown_share", "max_rise", "reason"),
    "model_judges": ("model", "metric", "no_gain", "baseline", "needs"),
    "reidentification_limits": ("k", "max_share", "severity", "reason"),
    "rfm_value_groups": ("value_group", "value_group_zh"),
    "segment_strategies": ("segment_name", "segment_name_zh", "recency", "frequency", "monetary", "strategy"),
    "spellings": ("standard",),
    "value_targets": ("target", "unit", "reason"),
}


def rows_of(seed: str) -> list[dict[str, str]]:
    with open(harness.ROOT / "seeds" / f"{seed}.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_seed_is_checked() -> None:
    assert KEYS.keys() == {path.stem for path in harness.ROOT.glob("seeds/*.csv")}


@pytest.mark.parametrize("seed, key", KEYS.items())
def test_keys_are_given_and_unique(seed: str, key: tuple[str, ...]) -> None:
    keys = [tuple(row[column] for column in key) for row in rows_of(seed)]
    assert (keys or seed in MAY_BE_EMPTY) and all(map(all, keys))
    assert len(set(keys)) == len(keys)


def test_names_of_segments_are_unique() -> None:
    names = [row["segment_name"] for row in rows_of("segment_strategies")]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("subject, values", VALUES.items(), ids=[".".join(subject) for subject in VALUES])
def test_values_are_known(subject: tuple[str, str], values: set[str]) -> None:
    seed, column = subject
    assert {row[column] for row in rows_of(seed)} <= values


@pytest.mark.parametrize("seed, columns", GIVEN.items())
def test_what_is_needed_is_given(seed: str, columns: tuple[str, ...]) -> None:
    assert [row for row in rows_of(seed) if not all(row[column].strip() for column in columns)] == []


def test_words_for_time_zones_stand_for_zones() -> None:
    """For an offset, a zone by its name, or for several; anything else would be an error of the build."""
    zones = {row["spelling"]: row["standard"] for row in rows_of("spellings") if row["field"] == "time_zone"}
    assert {"utc", "cet", "pst", "cst"} <= zones.keys()
    offset = re.compile(r"Z|[+-](0\d|1[0-4]):[0-5]\d")
    known = zoneinfo.available_timezones() | {"ambiguous"}
    assert {word: zone for word, zone in zones.items() if zone not in known and not offset.fullmatch(zone)} == {}
    assert [word for word in zones if word != word.lower() or not re.fullmatch("[a-z][a-z ]*", word)] == []


def test_every_offer_says_what_it_brings() -> None:
    """By an experiment and its variant, or by an assumption; an offer with neither would be made to nobody."""
    for row in rows_of("offers"):
        assert bool(row["experiment_id"]) == bool(row["variant"]), row
        assert row["experiment_id"] or row["assumed_lift"], row
        assert 0 <= float(row["discount"]) < 1, row
