"""What the steward reads about links and columns is what staging found."""

from __future__ import annotations

import pytest

import harness


@pytest.mark.parametrize(
    "relation, key, flag",
    [
        ("stg_shop__orders", "customer_id", "is_unknown_customer"),
        ("stg_app__events", "customer_id", "is_unknown_customer"),
        ("stg_ads__impressions", "customer_id", "is_unknown_customer"),
        ("stg_ads__impressions", "campaign_id", "is_unknown_campaign"),
        ("stg_crm__contracts", "customer_id", "is_unknown_customer"),
    ],
)
def test_links_count_what_staging_flags(served: harness.Server, relation: str, key: str, flag: str) -> None:
    flagged = served.query(f"select count(*), count({key}), count_if({flag}) from marketing_staging.{relation}")
    shown = served.query(
        f"""select row_count, keyed_rows, unknown_rows from marketing_quality.staging_linkage
        where relation = '{relation}' and key_name = '{key}'"""
    )
    assert shown == flagged and shown[0][1] > 100


def test_the_demo_breaks_no_rule_on_links_and_columns(served: harness.Server) -> None:
    for view, rows in (("staging_linkage", 13), ("staging_column_profile", 124)):
        found = served.query(f"select count(*), count_if(not passes) from marketing_quality.{view}")
        assert found == [(rows, 0)], view


def test_planted_words_for_nothing_and_unreadable_dates_are_counted(served: harness.Server) -> None:
    profile = {
        (table, column): counts
        for table, column, *counts in served.query(
            """select table_name, column_name, row_count, missing_rows, nothing_rows, text_rows, unreadable_rows
            from marketing_quality.staging_column_profile"""
        )
    }
    assert all(row == missing + nothing + text for row, missing, nothing, text, _ in profile.values())
    assert profile["shop_orders", "ordered_at"][4] > 0 and profile["crm_service_tickets", "satisfaction"][2] > 0
    raw = served.query("select count(*), count_if(trim(gender) = '' or gender is null) from raw.crm_customers")
    assert [tuple(profile["crm_customers", "gender"][:2])] == raw
