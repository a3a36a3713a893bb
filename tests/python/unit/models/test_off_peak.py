"""Off-peak offers: quiet hours are surely quiet, and an offer pays or none is made."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from decision_parts.prices import simulate_hours
from precision_marketing.models.off_peak import off_peak


def test_quiet_hours_are_found_and_ordinary_ones_are_not() -> None:
    for seed in range(8):
        hours, level = simulate_hours(seed)
        found = off_peak(hours, -1.5, 0.45).set_index(["weekday", "hour"])
        assert set(found.index) == set(level.index)
        truth = level.reindex(found.index)
        assert found["level"].to_numpy() == pytest.approx(truth, abs=0.25)
        assert (found["level_low"] <= truth).mean() > 0.98 and (truth <= found["level_high"]).mean() > 0.98
        assert not found.loc[truth >= 1, "is_off_peak"].any()
        assert found.loc[truth < 0.7, "is_off_peak"].mean() > 0.9


def test_an_hour_in_which_nobody_ever_orders_is_closed() -> None:
    hours, _ = simulate_hours(0)
    dates = hours["date"].drop_duplicates()
    night = pd.DataFrame({"date": dates, "hour": 3, "orders": 0})
    found = off_peak(pd.concat([hours, night]), -1.5, 0.45)
    pd.testing.assert_frame_equal(found, off_peak(hours, -1.5, 0.45))
    # Rows without orders may be absent, and a week that is not complete does not count.
    extra = pd.DataFrame({"date": [dates.max() + pd.Timedelta(days=1)], "hour": 9, "orders": 500})
    pd.testing.assert_frame_equal(off_peak(pd.concat([hours[hours["orders"] > 0], extra]), -1.5, 0.45), found)


@pytest.mark.parametrize(("elasticity", "margin"), [(-0.8, 0.5), (-1.9, 0.5), (-3.0, 0.3), (0.0, 0.9)])
def test_no_offer_is_made_where_more_orders_cannot_make_up_for_the_discount(elasticity: float, margin: float) -> None:
    """At the margin a discount pays only if demand is more elastic than 1 / margin."""
    hours, _ = simulate_hours(1)
    found = off_peak(hours, elasticity, margin)
    assert found["is_off_peak"].any() and found["discount"].isna().all()
    assert set(found.loc[found["is_off_peak"], "reason"]) == {"quiet, but no offer pays"}


@pytest.mark.parametrize(("elasticity", "margin"), [(-3.0, 0.5), (-4.0, 0.4), (-2.5, 0.6)])
def test_an_offer_is_the_best_discount_and_says_what_may_be_moved(elasticity: float, margin: float) -> None:
    hours, _ = simulate_hours(1)
    found = off_peak(hours, elasticity, margin, largest_discount=0.5)
    offered = found[found["is_off_peak"]]
    assert found.loc[~found["is_off_peak"], "discount"].isna().all() and offered["discount"].notna().all()
    discount = offered["discount"].iloc[0]
    # With a known elasticity the best price is cost * e / (1 + e).
    assert 1 - discount == pytest.approx((1 - margin) * elasticity / (1 + elasticity), abs=0.0051)
    orders = (1 - discount) ** elasticity
    gain = offered["expected_profit_change"].iloc[0]
    assert gain == pytest.approx(orders * (margin - discount) / margin - 1) and gain > 0
    moved = offered["largest_moved_share"].iloc[0]
    assert orders * (margin - discount) - margin - moved * (orders - 1) * margin == pytest.approx(0, abs=1e-12)


def test_an_unsure_elasticity_makes_smaller_offers_or_none() -> None:
    hours, _ = simulate_hours(1)
    sure, less, not_sure = (
        off_peak(hours, -3.0, 0.5, standard_error=error)["discount"].max() for error in (0.0, 0.4, 1.0)
    )
    assert sure > less > 0 and np.isnan(not_sure)


@pytest.mark.parametrize(("elasticity", "error"), [(np.nan, np.nan), (-3.0, np.nan)])
def test_an_unknown_elasticity_makes_none(elasticity: float, error: float) -> None:
    found = off_peak(simulate_hours(1)[0], elasticity, 0.5, standard_error=error)
    assert found["is_off_peak"].any() and found["discount"].isna().all()
    assert found.loc[found["is_off_peak"], "reason"].str.contains("without an elasticity").all()


def test_a_few_weeks_are_too_few() -> None:
    hours, _ = simulate_hours(2, weeks=7)
    found = off_peak(hours, -3.0, 0.5)
    assert found["level"].notna().all() and found["level_low"].isna().all() and not found["is_off_peak"].any()
    assert set(found["reason"]) == {"fewer than 8 complete weeks"}


@pytest.mark.parametrize("dates", [[], ["2024-01-01"], ["2024-01-03", "2024-01-12"]], ids=["none", "one", "no week"])
def test_no_complete_week_gives_no_rows(dates: list[str]) -> None:
    hours = pd.DataFrame({"date": pd.to_datetime(dates), "hour": 9, "orders": 3})
    found = off_peak(hours, -3.0, 0.5)
    assert len(found) == 0 and "discount" in found and "reason" in found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"date": None}, "date is missing or no date in 2 rows"),
        ({"hour": 24}, "hour must be 0 to 23: it is not in 2 rows"),
        ({"hour": 8}, "date and hour come twice"),
        ({"orders": -1}, "orders must be numbers that are not negative"),
        ({"orders": np.nan}, "orders must be numbers that are not negative"),
    ],
)
def test_wrong_hours_are_refused_by_name(change: dict, message: str) -> None:
    hours = pd.DataFrame({"date": pd.Timestamp("2024-01-01"), "hour": [8, 9], "orders": 1.0}).assign(**change)
    with pytest.raises(ValueError, match=message):
        off_peak(hours, -1.5, 0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"elasticity": -np.inf, "margin": 0.5}, "elasticity must be finite"),
        ({"elasticity": -2, "margin": 0.5, "standard_error": -1}, "its standard_error not negative"),
        ({"elasticity": -2, "margin": 0.0}, "margin and largest_discount are shares"),
        ({"elasticity": -2, "margin": 0.5, "largest_discount": 1.0}, "margin and largest_discount are shares"),
    ],
)
def test_wrong_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        off_peak(simulate_hours(0, weeks=1)[0], **settings)
