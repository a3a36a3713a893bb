"""Ten daily runs and one full refresh give the same tables, in every model that keeps its older days.

The models are the project's own; what they read stands in for staging, cut off at the day of the run as it would have
arrived by then. So a run takes seconds, and only the arithmetic of increments is tested.
"""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import harness

FIRST = dt.date(2025, 6, 20)
DAYS = [FIRST + dt.timedelta(days=n) for n in range(11)]
# A few weeks of one customer in five: the days before would only be copied from run to run.
SINCE = dt.date(2025, 5, 20)
CUSTOMERS = "pmod(xxhash64(coalesce(customer_id, '')), 5) = 0"
# What has arrived by the day. The id of an event begins with the day of its arrival, up to five days after it happened.
ARRIVED = {
    "stg_app__events": f"""
        select * from {{staging}}.stg_app__events
        where {CUSTOMERS} and substr(event_id, 2, 8) <= '{{digits}}' and occurred_at >= '{SINCE}'""",
    "stg_ads__impressions": f"""
        select * except (clicked_at), if(clicked_at < '{{end}}', clicked_at, null) as clicked_at
        from {{staging}}.stg_ads__impressions
        where {CUSTOMERS} and shown_at < '{{end}}' and shown_at >= '{SINCE}'""",
    "stg_crm__customer_versions": "select * from {staging}.stg_crm__customer_versions where updated_at < '{end}'",
    "stg_retention_limits": "select * from {staging}.stg_retention_limits where table_name = 'app_experiments'",
    "fct_orders": "select * from {build}.fct_orders where ordered_at < '{end}'",
    "dim_customers": "select * from {build}.dim_customers",
    "dim_campaigns": "select * from {build}.dim_campaigns",
    "int_as_of": "select date '{day}' as as_of_date",
}
GATES = ("gate_crm", "gate_shop", "gate_app", "gate_ads")
CORE = harness.ROOT / "models" / "marts" / "core"
TESTED = ("fct_events", "fct_ad_impressions", "customer_history", "fct_sessions", "int_device_customers")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's models of TESTED on views of what has arrived."""
    folder = tmp_path_factory.mktemp("increments") / "project"
    stand_ins = {**ARRIVED, **dict.fromkeys(GATES, "select 1 as one")}
    files = {f"models/arrived/{name}.sql": f"{{{{ var('{name}') }}}}" for name in stand_ins}
    files |= {f"models/core/{name}.sql": (CORE / f"{name}.sql").read_text() for name in TESTED}
    described = yaml.safe_load((CORE / "_core__models.yml").read_text())["models"]
    columns = [{"name": m["name"], "columns": [{"name": c["name"]} for c in m["columns"]]} for m in described]
    kept = [model for model in columns if model["name"] in TESTED]
    files["models/core/models.yml"] = yaml.safe_dump({"version": 2, "models": kept})
    files["models/hooks.yml"] = (harness.ROOT / "models/quality/_hooks__sources.yml").read_text()
    settings = yaml.safe_load((harness.ROOT / "dbt_project.yml").read_text())
    harness.write_project(
        folder, files,
        models={"+file_format": "parquet", "example": {
            "arrived": {"+materialized": "view", "+schema": "arrived"},
            "core": {"+materialized": "versioned", "+schema": "build"}}},
        vars=settings["vars"],
        **{"on-run-end": ["{{ publish(results) }}"]},
    )  # fmt: skip
    for name in ("materializations", "publishing", "sources", "marts", "cleaning"):
        shutil.copytree(harness.ROOT / "macros" / name, folder / "macros" / name)
    return folder


def build(
    project: Path, home: Path, server: harness.Server, schema: str, day: dt.date, *more: str, **variables: object
) -> subprocess.CompletedProcess[str]:
    """dbt build in ``schema`` with what has arrived by the end of ``day``."""
    names = {
        "staging": "marketing_staging", "build": "marketing_build", "day": day, "digits": f"{day:%Y%m%d}",
        "end": f"{day} 16:00:00",  # midnight in the business's time zone
    }  # fmt: skip
    arrived = {name: query.format(**names) for name, query in ARRIVED.items()} | dict.fromkeys(GATES, "select 1 as one")
    return harness.run_dbt(
        "build", "--target", "thrift", *more, "--vars", yaml.safe_dump({**arrived, **variables}),
        home=home, project=project, MARKETING_SCHEMA=schema, **server.environment,
    )  # fmt: skip


def tables(server: harness.Server, schema: str) -> dict[str, tuple]:
    return {name: harness.content(server, f"{schema}_build.{name}") for name in TESTED}


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
