"""The population stability index, by hand, by its distribution without drift, and at the edges."""

from __future__ import annotations

import json
from decimal import Decimal
from math import log

import numpy as np
import pandas as pd
import pytest

from precision_marketing.models.drift import drift_table, profile, psi, status


def table(reference: pd.DataFrame, current: pd.DataFrame) -> pd.DataFrame:
    """The drift by feature, with the profile as it comes back from storage."""
    return drift_table(json.loads(json.dumps(profile(reference))), current).set_index("feature")


def test_index_by_hand() -> None:
    # 50/30/20 % against 40/30/30 %: 0.1 ln(5/4) + 0 + 0.1 ln(3/2).
    expected = 0.1 * log(1.25) + 0.1 * log(1.5)
    assert psi([50, 30, 20], [4, 3, 3]) == pytest.approx(expected, abs=1e-12)
    assert psi([4, 3, 3], [50, 30, 20]) == pytest.approx(expected, abs=1e-12)
    assert psi([1, 2, 3], [10, 20, 30]) == pytest.approx(0, abs=1e-12)


def test_an_empty_bin_counts_as_half_a_row() -> None:
    # 50/50 of 100 against 100/0 of 100, where the empty bin is 0.5 / 100.
    assert psi([50, 50], [100, 0]) == pytest.approx(0.5 * log(2) + (0.005 - 0.5) * log(0.01), abs=1e-12)
    # At a million rows a share of 0.0001.
    million = psi([500_000, 500_000], [1_000_000, 0])
    assert million == pytest.approx(0.5 * log(2) + (0.0001 - 0.5) * log(0.0002), abs=1e-12)
    assert psi([50, 50, 0], [50, 50, 0]) == 0 and psi([5, 0], [1_000, 0]) == 0


def test_unusable_counts() -> None:
    assert np.isnan(psi([], [])) and np.isnan(psi([0, 0], [1, 2])) and np.isnan(psi([1, 2], [0, 0]))
    for expected, actual, message in (
        ([1, 2], [1], "shape"),
        ([1, -1], [1, 1], "negative"),
        ([1, np.nan], [1, 1], "finite"),
    ):
        with pytest.raises(ValueError, match=message):
            psi(expected, actual)


def test_status_at_the_thresholds() -> None:
    values = [0, 0.0999, 0.1, 0.2499, 0.25, float("nan")]
    assert [status(value) for value in values] == ["stable", "stable", "moderate", "moderate", "shifted", "unknown"]


def test_numbers_are_binned_at_the_deciles() -> None:
    reference = profile(pd.DataFrame({"x": np.arange(1, 101)}))["features"]["x"]
    assert reference == {"edges": [10, 20, 30, 40, 50, 60, 70, 80, 90], "counts": [10] * 10 + [0]}


def test_a_shift_of_numbers_by_hand() -> None:
    # Uniform on 1 to 100 moved up by ten: the first bin is empty, the last one doubled.
    reference, current = pd.DataFrame({"x": np.arange(1, 101)}), pd.DataFrame({"x": np.arange(11, 111)})
    found = table(reference, current).loc["x"]
    assert found["psi"] == pytest.approx((0.005 - 0.1) * log(0.05) + 0.1 * log(2), abs=1e-12)
    assert found["status"] == "shifted"


def test_missing_values_are_a_bin() -> None:
    reference, current = pd.DataFrame({"x": [1.0] * 90 + [None] * 10}), pd.DataFrame({"x": [1.0] * 60 + [None] * 40})
    assert table(reference, current)["psi"].item() == pytest.approx(-0.3 * log(6 / 9) + 0.3 * log(4), abs=1e-12)
    categories = (reference["x"].map({1.0: "a"}).to_frame(), current["x"].map({1.0: "a"}).to_frame())
    assert table(*categories)["psi"].item() == pytest.approx(-0.3 * log(6 / 9) + 0.3 * log(4), abs=1e-12)


def test_a_frequent_value_has_a_bin_of_its_own() -> None:
    """Customers without a purchase: their share is watched, in either direction of the others."""
    reference = pd.DataFrame({"x": [0] * 60 + list(range(1, 41))})
    found = profile(reference)["features"]["x"]
    assert found["counts"][1] == 60 and found["edges"][1] == 0
    current = pd.DataFrame({"x": [-1] * 60 + list(range(1, 41))})
    assert table(reference, current)["status"].item() == "shifted"


def test_constant_feature() -> None:
    constant = pd.DataFrame({"x": [3.0] * 50})
    assert table(constant, constant)["psi"].item() == 0
    assert table(constant, constant)["chance_psi"].item() == 0
    for moved in (2.9, 3.1):
        assert table(constant, pd.DataFrame({"x": [moved] * 50}))["status"].item() == "shifted"


def test_categories_by_hand_and_new_ones() -> None:
    reference = pd.DataFrame({"city": ["a"] * 50 + ["b"] * 50})
    moved = table(reference, pd.DataFrame({"city": ["a"] * 30 + ["b"] * 70}))["psi"].item()
    assert moved == pytest.approx(-0.2 * log(0.6) + 0.2 * log(1.4), abs=1e-12)
    new = table(reference, pd.DataFrame({"city": ["a"] * 50 + ["c"] * 30 + ["d"] * 20}))["psi"].item()
    assert new == pytest.approx((0.005 - 0.5) * log(0.01) + (0.5 - 0.005) * log(100), abs=1e-12)


def test_rare_categories_are_one_bin() -> None:
    names = [f"c{i:03d}" for i in range(60) for _ in range(60 - i)]
    found = profile(pd.DataFrame({"x": names}))["features"]["x"]
    assert found["categories"] == [f"c{i:03d}" for i in range(50)]
    assert found["counts"][-2:] == [sum(range(1, 11)), 0]
    shuffled = pd.DataFrame({"x": np.random.default_rng(0).permutation(names)})
    assert profile(shuffled)["features"]["x"] == found


def test_types() -> None:
    """Decimals are numbers, truth values are categories, text among numbers is missing, timestamps are refused."""
    frame = pd.DataFrame({
        "money": [Decimal("1.5"), Decimal("2.5"), None], "flag": [True, False, True],
        "n": pd.array([1, None, 3], "Int64"), "group": pd.Categorical(["x", None, "y"]),
    })  # fmt: skip
    found = profile(frame)["features"]
    assert "edges" in found["money"] and "edges" in found["n"]
    assert found["money"]["counts"][-1] == 1 and found["n"]["counts"][-1] == 1
    assert found["flag"] == {"categories": ["True", "False"], "counts": [2, 1, 0, 0]}
    assert found["group"] == {"categories": ["x", "y"], "counts": [1, 1, 0, 1]}
    assert table(frame, frame)["psi"].eq(0).all()
    text = table(pd.DataFrame({"x": range(100)}), pd.DataFrame({"x": ["?"] * 100}))
    assert text["status"].item() == "shifted"
    with pytest.raises(ValueError, match="seen_at is a timestamp"):
        profile(pd.DataFrame({"seen_at": pd.to_datetime(["2025-01-01"])}))


def test_infinite_values_lie_in_the_outer_bins() -> None:
    found = profile(pd.DataFrame({"x": [-np.inf, *range(1, 101), np.inf]}))["features"]["x"]
    assert found["counts"][0] == 11 and found["counts"][-2:] == [11, 0] and np.isfinite(found["edges"]).all()


def test_all_missing() -> None:
    missing, known = pd.DataFrame({"x": [None] * 20}), pd.DataFrame({"x": [1.0, 2.0] * 10})
    assert table(missing, missing)["psi"].item() == 0
    assert table(missing, known)["status"].item() == "shifted"
    assert table(known, missing)["status"].item() == "shifted"


def test_empty_samples() -> None:
    known, empty = pd.DataFrame({"x": [1.0, 2.0]}), pd.DataFrame({"x": []}, dtype=float)
    for reference, current in ((known, empty), (empty, known), (empty, empty)):
        found = table(reference, current).loc["x"]
        assert np.isnan(found["psi"]) and found["status"] == "unknown" and np.isnan(found["chance_psi"])
    assert drift_table(profile(pd.DataFrame()), known).empty


def test_absent_and_doubled_features_are_named() -> None:
    with pytest.raises(ValueError, match="absent: y"):
        drift_table(profile(pd.DataFrame({"x": [1], "y": [2]})), pd.DataFrame({"x": [1]}))
    with pytest.raises(ValueError, match="same name: x"):
        profile(pd.DataFrame([[1, 2]], columns=["x", "x"]))
    with pytest.raises(ValueError, match="bins"):
        profile(pd.DataFrame({"x": [1]}), bins=1)


def test_the_farthest_come_first() -> None:
    rng = np.random.default_rng(0)
    reference = pd.DataFrame({"same": rng.normal(size=5_000), "far": rng.normal(size=5_000)})
    reference["near"] = rng.normal(size=5_000)
    current = pd.DataFrame({"same": rng.normal(size=5_000), "far": rng.normal(1, 1, 5_000)})
    current["near"] = rng.normal(0.4, 1, 5_000)
    found = drift_table(profile(reference), current)
    assert found["feature"].tolist() == ["far", "near", "same"]
    assert found["status"].tolist() == ["shifted", "moderate", "stable"]
    # Two normals a distance d apart: Jeffreys' divergence is d squared, a little less in ten bins.
    assert found["psi"].tolist()[:2] == pytest.approx([1, 0.16], rel=0.15)


def test_chance_holds_without_drift() -> None:
    """95 of 100 samples without drift stay below ``chance_psi``."""
    rng = np.random.default_rng(0)
    below = []
    for _ in range(300):
        found = drift_table(
            profile(pd.DataFrame({"x": rng.normal(size=800)})), pd.DataFrame({"x": rng.normal(size=400)})
        )
        below.append(found["psi"].item() < found["chance_psi"].item())
    assert np.mean(below) == pytest.approx(0.95, abs=0.03)
