"""Every variable off its default: the build passes, publishes everything, and unit tests hold.

All variables are changed at once, twice, each to two values; what fails is then found one by one.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import harness

DECLARED = yaml.safe_load((harness.ROOT / "dbt_project.yml").read_text())["vars"]
CUTS = {"recency_days": [14, 60, 120, 240], "frequency": [2, 4, 8, 16], "monetary": [100, 500, 2000, 9000]}
OTHERS: dict[str, tuple] = {
    "raw_database": ("landing", "arrivals_2025"),
    "create_missing_sources": (False, False),
    "business_timezone": ("America/Los_Angeles", "Asia/Kolkata"),
    "reporting_currency": ("EUR", "CNY"),
    "earliest_date": ("2000-01-01", "2024-03-01"),
    "late_event_days": (1, 30),
    "conversion_window_days": (1, 30),
    "attribution_lookback_days": (7, 90),
    "attribution_half_life_days": (1, 30),
    "experiment_days": (7, 28),
    "experiment_alpha": (0.01, 0.2),
    "experiment_tightest_at": (50, 5_000),
    "experiment_control": ("B", "nobody"),
    "experiment_all_pairs": (True, True),
    "coupon_window_days": (7, 90),
    "value_period_days": (30, 200),
    "value_basis": ("gross", "margin"),
    "count_refunded_orders": (False, False),
    "rfm_cut_points": (CUTS, CUTS | {"monetary": None}),
    "region_max_km": (10, 2_000),
    "audience_radius_km": (1, 50),
    "basket_max_products": (3, 1_000),
    "basket_min_baskets": (1, 50),
    "basket_min_support": (0, 0.01),
    "stock_sales_days": (7, 56),
    "stock_prior_units": (1, 50),
    "stock_low_cover_days": (3, 60),
    "stock_overstock_days": (60, 400),
    "stock_overstock_factor": (1.5, 4),
    "stock_slow_share": (0.05, 0.5),
    "as_of_date": ("2025-03-31", "2025-05-15"),
    "segment_count": (3, 6),
    "retrain_after_days": (0, 365),
    "click_candidates": ([], ["logistic_balanced", "random_forest_calibrated"]),
    "propensity_candidates": (["random_forest_calibrated"], []),
    "recommendation_candidates": ([], ["shrunk_cosine"]),
    "click_campaign_days": (1, 120),
    "propensity_horizon_days": (7, 60),
    "propensity_snapshots": (1, 5),
    "least_history_days": (0, 500),
    "churn_rule": ("intervals", "contract_end"),
    "churn_days": (30, 180),
    "churn_intervals": (1.5, 6),
    "contact_days_before": (1, 60),
    "recommendations": (3, 40),
    "repeatable_categories": (["beauty", "food"], ["nothing of this name"]),
    "value_holdout_days": (30, 180),
    "annual_discount_rate": (0, 0.5),
    "forecast_days": (7, 56),
    "sales_days": ([], ["12-24", "2025-05-01"]),
    "budget_weeks": (1, 13),
    "budget_history_weeks": (12, 104),
    "marketing_budget": (0, 100_000),
    "budget_periods": (2, 3),
    "budget_max_change": (0, 1),
    "budget_protection": (0, 3),
    "mix_half_life_days": (7, 1_000),
    "mix_minimum_share": (0, 0.1),
    "price_max_change": (0.05, 0.5),
    "price_margin_floor": (0, 0.3),
    "off_peak_max_discount": (0.05, 0.9),
    "offer_valid_days": (1, 30),
    "offer_frequency_cap": (0, 3),
    "contact_cap": (1, 100),
    "contact_cap_days": (7, 90),
    "offer_holdout_share": (0, 0.5),
    "decision_keep_days": (1, 3_650),
    "keep_versions": (1, 5),
    "max_rejected_share": (0.5, 1),
    "compare_links": (False, False),
    "required_sources": (["shop_orders", "crm_customers"], ["app_events"]),
}


def test_every_variable_has_two_other_values() -> None:
    assert OTHERS.keys() == DECLARED.keys()
    same = [name for name, values in OTHERS.items() if DECLARED[name] in values]
    assert same == []


@pytest.mark.parametrize("place", [0, 1])
def test_a_build_with_every_variable_changed(place: int, tmp_path: Path) -> None:
    variables = ("--vars", yaml.safe_dump({name: values[place] for name, values in OTHERS.items()}))
    harness.run_dbt("run-operation", "generate_demo_data", "--args", "{customers: 400}", *variables, home=tmp_path)
    built = harness.run_dbt("build", *variables, home=tmp_path)
    assert "ERROR=0 SKIP=0" in built.stdout and "not published" not in built.stdout, built.stdout[-4000:]
    harness.run_dbt("test", "-s", "test_type:unit", *variables, home=tmp_path)
