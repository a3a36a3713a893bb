"""How the demo data are made: the same on every run, never over a company's own rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

import harness

CUSTOMERS = 500
END = "2025-06-30"


MACROS = harness.ROOT / "macros" / "demo_data"


PROJECT = """
name: demo_data_test
version: "1.0"
profile: demo_data_test
macro-paths: ["{macros}"]
flags: {{send_anonymous_usage_stats: false}}
"""


PROFILE = """
demo_data_test:
  target: local
  outputs:
    local:
      type: spark
      method: session
      host: local
      schema: marketing
      threads: 1
      server_side_parameters:
        spark.master: "local[2]"
        spark.driver.memory: 2g
        spark.ui.enabled: "false"
        spark.sql.catalogImplementation: hive
        spark.sql.warehouse.dir: "{home}/warehouse"
        spark.hadoop.javax.jdo.option.ConnectionURL: "jdbc:derby:;databaseName={home}/metastore;create=true"
        spark.driver.extraJavaOptions: "-Dderby.stream.error.file={home}/derby.log"
        spark.sql.shuffle.partitions: "{{{{ env_var('DEMO_TEST_PARTITIONS', '2') }}}}"
        spark.sql.leafNodeDefaultParallelism: "{{{{ env_var('DEMO_TEST_PARTITIONS', '2') }}}}"
        spark.sql.ansi.enabled: "{{{{ env_var('DEMO_TEST_ANSI', 'false') }}}}"
"""


def make_project(home):
    """A dbt project in `home` that holds the generator's macros and nothing else."""
    (home / "dbt_project.yml").write_text(PROJECT.format(macros=MACROS))
    (home / "profiles.yml").write_text(PROFILE.format(home=home))
    return home


def command(home, **arguments):
    variables = arguments.pop("variables", {})
    return [
        "run-operation",
        "generate_demo_data",
        "--args",
        json.dumps(arguments),
        "--vars",
        json.dumps(variables),
        "--project-dir",
        str(home),
        "--profiles-dir",
        str(home),
        "--target-path",
        str(home / "target"),
        "--log-path",
        str(home / "logs"),
    ]


@pytest.fixture(scope="module")
def demo_home(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def generate(demo_home):
    """Calls generate_demo_data in this process; returns (succeeded, everything dbt said)."""
    from dbt.cli.main import dbtRunner

    def call(**arguments):
        said = []
        result = dbtRunner(callbacks=[lambda event: said.append(event.info.msg)]).invoke(
            command(demo_home, **arguments)
        )
        return result.success, "\n".join(said + [str(result.exception or "")])

    return call


@pytest.fixture(scope="module")
def demo_spark(generate):
    """A SparkSession with the demo data of CUSTOMERS in `raw` and `demo_truth`."""
    from pyspark.sql import SparkSession

    succeeded, said = generate(customers=CUSTOMERS, end_date=END)
    assert succeeded, said
    spark = SparkSession.builder.getOrCreate()
    yield spark
    spark.stop()


def checksums(spark):
    """Rows and an order-free sum of row hashes of every table of both databases."""
    spark = spark.newSession()  # one that remembers no files of tables that were replaced meanwhile
    sums = {}
    for database in ("raw", "demo_truth"):
        for table in sorted(row.tableName for row in spark.sql(f"show tables in {database}").collect()):
            columns = ", ".join(spark.table(f"{database}.{table}").columns)
            row = spark.sql(
                f"select count(*), sum(cast(xxhash64({columns}) as decimal(38, 0))) from {database}.{table}"
            ).first()
            sums[f"{database}.{table}"] = tuple(row)
    return sums


def test_a_killed_load_is_done_again_with_the_same_rows_whatever_the_partitions(demo_spark, generate, monkeypatch):
    before = checksums(demo_spark)
    demo_spark.sql("drop table demo_truth.demo_load")
    demo_spark.sql("drop table raw.app_events")
    monkeypatch.setenv("DEMO_TEST_PARTITIONS", "7")
    monkeypatch.setenv("DEMO_TEST_ANSI", "true")
    succeeded, said = generate(customers=CUSTOMERS, end_date=END, only_if_empty=True)
    assert succeeded, said
    assert checksums(demo_spark) == before


def test_only_if_empty_leaves_a_complete_load_alone(demo_spark, generate):
    before = checksums(demo_spark)
    succeeded, said = generate(customers=7, only_if_empty=True)
    assert succeeded and "nothing to do" in said
    assert checksums(demo_spark) == before


def test_a_companys_own_rows_are_refused(demo_spark, generate):
    demo_spark.sql("create database own_raw")
    demo_spark.sql("create table own_raw.shop_orders using parquet as select '1' as order_id")
    variables = {"raw_database": "own_raw"}
    succeeded, said = generate(customers=7, variables=variables)
    assert not succeeded
    assert "would replace own_raw.shop_orders, which holds rows that are no demo data" in said
    succeeded, said = generate(customers=7, variables=variables, only_if_empty=True)
    assert succeeded and "nothing to do" in said
    assert [row.tableName for row in demo_spark.sql("show tables in own_raw").collect()] == ["shop_orders"]
    assert demo_spark.table("own_raw.shop_orders").collect() == [("1",)]
    assert demo_spark.table("demo_truth.demo_load").first().customers == CUSTOMERS


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"customers": 0}, "customers must be a whole number from 1 to 99999999, got 0."),
        ({"customers": "many"}, "customers must be a whole number from 1 to 99999999, got many."),
        ({"customers": 2.5}, "customers must be a whole number from 1 to 99999999, got 2.5."),
        ({"months": 3}, "months must be a whole number from 6 to 60, got 3."),
        ({"end_date": "2025-02-29"}, "end_date must be a day such as '2025-06-30', got '2025-02-29'."),
        ({"end_date": "soon"}, "end_date must be a day such as '2025-06-30', got 'soon'."),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_written(demo_spark, generate, arguments, message):
    succeeded, said = generate(**arguments)
    assert not succeeded and message in said
    assert demo_spark.table("demo_truth.demo_load").first().customers == CUSTOMERS


def test_one_customer_is_enough(tmp_path):
    home = make_project(tmp_path)
    dbt = [sys.executable, "-m", "dbt.cli.main"]
    run = subprocess.run(
        dbt + command(home, customers=1, months=6, end_date="2024-02-29"),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ,
    )
    assert run.returncode == 0, run.stdout
    read = lambda table: pd.read_parquet(next((home / "warehouse").rglob(f"{table}/")))  # noqa: E731
    assert len(read("crm_customers").customer_id.drop_duplicates()) == 1
    assert len(read("demo_load")) == 1
