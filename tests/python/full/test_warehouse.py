"""The same tables on every engine; from corrupt raw rows, and from no raw table at all."""

from __future__ import annotations

import pytest

import corrupt_orders
import harness

SCHEMAS = ("marketing_staging", "marketing_build", "marketing_quality", "marketing")


@pytest.fixture(scope="module")
def as_built(spark_cluster: harness.Server) -> dict[str, tuple]:
    """What the build on the target local left, read before any other test builds on it."""
    return harness.contents(spark_cluster, SCHEMAS)


@pytest.mark.parametrize(
    ("target", "more"),
    # From nothing on one engine, models trained anew. On the other, which builds all of an empty warehouse below, a
    # second build of what reads its own last version, and of the trained models: nothing may change.
    [
        ("connect", ["--full-refresh", "--vars", "{retrain_after_days: 0}"]),
        ("thrift", ["--select", "path:models/marts/core", "path:models/ml", "path:models/quality"]),
    ],
)
def test_every_engine_builds_the_same_tables(
    target: str, more: list[str], as_built, demo, spark_cluster: harness.Server
) -> None:
    harness.run_dbt(
        "build", "--target", target, "--exclude-resource-type", "test", "unit_test", *more,
        home=demo.home, **spark_cluster.environment,
    )  # fmt: skip
    built = ("marketing_staging", "marketing_build", "marketing_quality")
    expected = {table: found for table, found in as_built.items() if table.partition(".")[0] in built}
    harness.assert_same(harness.contents(spark_cluster, built), expected)
    # Against the build before, which the same data gave the same scores.
    drift = spark_cluster.query("select model_name, status, rows_before = rows from marketing_quality.score_drift")
    assert set(drift) == {(name, "stable", True) for name in ("click", "purchase", "gender", "churn", "value")}


def test_corrupt_orders_are_rejected(demo: harness.Demo, spark_cluster: harness.Server) -> None:
    """Duplicates aside, 5 of 105 rows are under the allowed share of 5%; that more stop a build is in warehouse."""
    schema, result = corrupt_orders.build(demo.home, spark_cluster, 1)
    assert result.returncode == 0, result.stdout
    assert spark_cluster.query(f"select count(*) from {schema}.fct_orders") == [(100,)]


def test_no_raw_tables_at_all(demo, spark_cluster: harness.Server) -> None:
    """A database that nobody made is an error; in one made empty everything is built, empty."""
    published = {table for _, table, _ in spark_cluster.query("show tables in marketing")}
    arguments = ["--target", "thrift", "--vars"]
    environment = {"MARKETING_SCHEMA": "nothing", **spark_cluster.environment}
    before = set(spark_cluster.query("show databases"))
    refused = harness.run_dbt(
        "build", *arguments, "{raw_database: raw_nothin}", home=demo.home, check=False, **environment
    )
    assert refused.returncode != 0 and set(spark_cluster.query("show databases")) == before
    assert "The raw database 'raw_nothin' does not exist: correct raw_database (do you mean raw?)" in refused.stdout
    harness.run_dbt(
        "run-operation", "create_raw_databases", *arguments, "{raw_database: raw_nothing}",
        home=demo.home, **environment,
    )  # fmt: skip
    refused = harness.run_dbt(
        "build", *arguments, "{raw_database: raw_nothing, create_missing_sources: false}",
        home=demo.home, check=False, **environment,
    )  # fmt: skip
    assert refused.returncode != 0
    assert "Raw tables are missing and create_missing_sources is false: " in refused.stdout
    harness.run_dbt(
        "build", "--exclude-resource-type", "unit_test", *arguments, "{raw_database: raw_nothing}",
        home=demo.home, **environment,
    )  # fmt: skip
    assert {table for _, table, _ in spark_cluster.query("show tables in nothing")} == published
    for table in published - {
        "segment_profiles",
        "segment_selection",
        "segment_validation",
        "goal_gaps",
        "value_scorecard",
    }:
        assert spark_cluster.query(f"select count(*) from nothing.{table}") == [(0,)], table
    # These two list what the seeds ask for.
    assert set(spark_cluster.query("select coalesce(actual, 0), status = 'met' from nothing.goal_gaps")) == {(0, False)}
    assert spark_cluster.query("select count(*) from nothing.value_scorecard where value is not null") == [(0,)]
