"""Ten daily runs and one full refresh give the same tables, in every model that keeps its older days."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

import daily_runs
import harness
from daily_runs import build, tables

FIRST = dt.date(2025, 5, 27)
DAYS = [FIRST + dt.timedelta(days=n) for n in range(11)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return daily_runs.write_project(tmp_path_factory.mktemp("increments") / "project")


def test_ten_daily_runs_give_what_one_full_run_gives(
    project: Path, tmp_path: Path, demo, spark_cluster: harness.Server
) -> None:
    for day in DAYS:
        build(project, tmp_path, spark_cluster, "daily", day)
    build(project, tmp_path, spark_cluster, "at_once", DAYS[-1])
    daily, at_once = tables(spark_cluster, "daily"), tables(spark_cluster, "at_once")
    assert all(rows > 400 for rows, *_ in at_once.values())
    harness.assert_same(daily, at_once)
    # The chain was one of increments: older days were taken over, not built.
    late = spark_cluster.query(
        f"""select count(*) from daily_build.fct_events
        where event_date >= '{FIRST}' and substr(event_id, 2, 8) > date_format(event_date, 'yyyyMMdd')"""
    )
    assert late[0][0] > 2, "no late events in these days: the test would prove little"


def test_a_format_that_shares_no_months_keeps_every_row(tmp_path: Path, demo, spark_cluster: harness.Server) -> None:
    """As Delta and Iceberg, which need packages that are not here: each version is a full copy."""
    project = daily_runs.write_project(tmp_path / "project", file_format="json")
    for day in DAYS[-2:]:
        build(project, tmp_path, spark_cluster, "copies", day, "--select", "+fct_events")
    build(project, tmp_path, spark_cluster, "copied_at_once", DAYS[-1], "--select", "+fct_events")
    found = [harness.content(spark_cluster, f"{s}_build.fct_events") for s in ("copies", "copied_at_once")]
    harness.assert_same({"fct_events": found[0]}, {"fct_events": found[1]})
    assert not spark_cluster.query("show tables in copies_build like '*__files__*'")


def test_without_a_window_late_events_would_be_lost(
    project: Path, tmp_path: Path, demo, spark_cluster: harness.Server
) -> None:
    events = ("--select", "+fct_events")
    for day in (DAYS[-4], DAYS[-1]):
        build(project, tmp_path, spark_cluster, "no_window", day, *events, late_event_days=0)
    build(project, tmp_path, spark_cluster, "with_window", DAYS[-1], *events)
    counts = [
        spark_cluster.query(f"select count(*) from {schema}_build.fct_events")
        for schema in ("no_window", "with_window")
    ]
    assert counts[0] < counts[1]


def test_the_history_of_customers_outlives_a_full_refresh(
    project: Path, tmp_path: Path, demo, spark_cluster: harness.Server
) -> None:
    """The raw table holds the newest record only; the level before is known from the run before."""

    def run(level: str, *more: str) -> None:
        record = f"""select 'c1' as customer_id, cast(null as timestamp) as updated_at, '{level}' as membership_level,
            'P' as province, 'X' as city, timestamp '2020-01-01 00:00:00' as registered_at"""
        day = DAYS[0] if level == "silver" else DAYS[1]
        build(project, tmp_path, spark_cluster, "history", day, *more, stg_crm__customer_versions=record)

    run("silver", "--select", "+customer_history")
    run("gold", "--select", "+customer_history", "--full-refresh")
    levels = spark_cluster.query(
        "select membership_level, is_current from history_build.customer_history order by valid_from"
    )
    assert levels == [("silver", False), ("gold", True)]
