"""Write, audit, publish: readers see approved versions only, at any moment, whatever happens to a build.

A project of a few small models on this project's own macros, so that a build takes seconds. Every row of a batch bears
the batch's name; a reader that ever sees two names in one table, none, or one that no gate approved has seen a fault.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import harness

ROWS = 200
TABLES = ("orders", "totals", "history", "report")
FACTS = "facts"  # a day has some of the rows; a version shares months with the one before
MODELS = {
    "orders.sql": "select id, customer_id, batch from {{ source('arriving', 'arrivals') }}",
    "totals.py": """
def model(dbt, session):
    return dbt.ref("orders").groupBy("batch").agg({"*": "count"}).withColumnRenamed("count(1)", "orders")
""",
    # Adds to its own approved version, one row per batch.
    "history.sql": """
        {%- set approved = approved_version() %}
        select batch from {{ ref('totals') }}
        {% if approved %}union select batch from {{ approved }}{% endif %}
    """,
    "facts.sql": """
        {%- set takes_over = {'month': 'month', 'day': 'day', 'days': 3, 'retention': 'arrivals', 'instant': 'at'} %}
        {{ config(partition_by=[takes_over.month], meta={'takes_over': takes_over}) }}
        {%- set approved = approved_version() %}
        with arrived as (
            select id, customer_id, batch, date_add(date '2025-01-20', cast(id as int) % 60) as day
            from {{ ref('orders') }}
        ),
        limits as ({{ rebuild_limits(approved, takes_over, ref('stg_retention_limits')) }}),
        all_days as (
            select arrived.* from arrived inner join limits on arrived.day >= limits.first_day
            {% if approved %}
            union all
            select id, customer_id, batch, day from {{ approved }} where {{ is_taken_over(takes_over) }}
            {% endif %}
        )
        select id, customer_id, batch, day, cast(day as timestamp) as at, {{ month_of('day') }} as month from all_days
    """,
    "stg_retention_limits.sql": """
        {{ config(materialized='view', meta={'published': false}) }}
        select 'arrivals' as table_name, timestamp '2020-01-01 00:00:00' as keep_from
    """,
    "gate_orders.sql": """
        -- depends_on: {{ ref('history') }}
        {{ config(materialized='table', meta={'published': false}) }}
        select t.batch from {{ ref('totals') }} as t inner join {{ ref('orders') }} as o on t.batch = o.batch
        where t.batch like 'bad%'
    """,
    "report.sql": """
        -- depends_on: {{ ref('gate_orders') }}
        select batch, orders * 2 as doubled from {{ ref('totals') }}
    """,
    "slow.sql": """
        {{ config(materialized='table', meta={'published': false}) }}
        select count(*) as n from {{ ref('report') }}
        where java_method('java.lang.Thread', 'sleep', bigint({{ var('pause', 0) }})) is null
    """,
}
PROPERTIES = {
    "version": 2,
    "sources": [{"name": "arriving", "schema": "{{ var('arrivals') }}", "tables": [{"name": "arrivals"}]}],
    "models": [
        {"name": "orders", "config": {"contract": {"enforced": True}}, "columns": [
            {"name": "id", "data_type": "string", "description": "it's a key", "data_tests": ["not_null"]},
            {"name": "customer_id", "data_type": "string"}, {"name": "batch", "data_type": "string"}]},
        {"name": "history", "columns": [{"name": "batch"}]},
        {"name": "facts", "columns": [{"name": c} for c in ("id", "customer_id", "batch", "day", "at", "month")]},
        {"name": "totals", "config": {"materialized": "versioned"}},
        {"name": "gate_orders", "data_tests": ["no_rows"]},
    ],
}  # fmt: skip
NO_ROWS = "{% test no_rows(model) %} select * from {{ model }} {% endtest %}"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("publishing") / "project"
    files = {f"models/{name}": text for name, text in MODELS.items()}
    files["models/properties.yml"] = yaml.safe_dump(PROPERTIES)
    files["models/hooks.yml"] = (harness.ROOT / "models/quality/_hooks__sources.yml").read_text()
    files["macros/no_rows.sql"] = NO_ROWS
    settings = {
        "models": {"+materialized": "versioned", "+schema": "build", "+file_format": "parquet",
                   "+meta": {"published": True}},
        "vars": {"keep_versions": 2, "arrivals": "arriving", "business_timezone": "UTC", "as_of_date": None},
        "on-run-end": ["{{ publish(results) }}"],
    }  # fmt: skip
    harness.write_project(folder, files, **settings)
    for name in ("materializations", "publishing", "sources", "inputs", "cleaning"):
        shutil.copytree(harness.ROOT / "macros" / name, folder / "macros" / name)
    return folder


class Warehouse:
    """The small project on a server, and what its tables hold."""

    def __init__(self, project: Path, home: Path, server: harness.Server, schema: str) -> None:
        self.project, self.home, self.server, self.schema = project, home, server, schema
        server.query(f"create database if not exists {schema}_arriving")
        self.arrive("batch0")

    def arrive(self, batch: str) -> None:
        """Replace what has arrived by the rows of ``batch``."""
        table = f"{self.schema}_arriving.arrivals"
        self.server.query(f"drop table if exists {table}")
        self.server.query(
            f"create table {table} using parquet as select cast(id as string) as id, "
            f"concat('c', id % 7) as customer_id, '{batch}' as batch from range({ROWS})"
        )

    def command(self, *arguments: str, pause: int = 0) -> list[str]:
        variables = f"{{arrivals: {self.schema}_arriving, pause: {pause}}}"
        return [*arguments, "--target", "thrift", "--vars", variables]

    @property
    def environment(self) -> dict[str, str]:
        return {"MARKETING_SCHEMA": self.schema, **self.server.environment}

    def dbt(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return harness.run_dbt(
            *self.command(*arguments), home=self.home, project=self.project, check=check, **self.environment
        )

    def batch(self, table: str, schema: str | None = None) -> str:
        ((name,),) = self.server.query(f"select max(batch) from {schema or self.schema}.{table}")
        return name

    def versions(self, table: str) -> list[str]:
        found = self.server.query(f"show tables in {self.schema}_build like '{table}__v*'")
        return sorted(name for _, name, _ in found)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Server]:
    home = tmp_path_factory.mktemp("served")
    with harness.serving(harness.embedded_settings(home), home / "server.log") as running:
        yield running


@pytest.fixture
def warehouse(project: Path, server: harness.Server, tmp_path: Path, request) -> Warehouse:
    schema = "w" + re.sub(r"\W", "", request.node.name)[-24:]
    made = Warehouse(project, tmp_path, server, schema)
    made.dbt("build")
    return made


def test_only_what_was_built_tested_and_gated_in_one_run_is_published(warehouse: Warehouse) -> None:
    def shown() -> list[str]:
        return [warehouse.batch(table) for table in TABLES]

    shown_tables = {name for _, name, _ in warehouse.server.query(f"show tables in {warehouse.schema}")}
    assert shown_tables == {*TABLES, FACTS}
    assert warehouse.server.query(f"describe {warehouse.schema}.orders")[0] == ("id", "string", "it's a key")
    assert warehouse.server.query(f"select * from {warehouse.schema}.report") == [("batch0", 2 * ROWS)]

    warehouse.arrive("bad1")
    failed = warehouse.dbt("build", check=False)
    assert failed.returncode == 1 and "SKIP relation" in failed.stdout
    assert shown() == ["batch0"] * 4
    assert warehouse.batch("orders", f"{warehouse.schema}_build") == "bad1", "for whoever looks into it"
    partial = warehouse.dbt("build", "--select", "report", "slow")
    assert "report is not published: not approved is what it was computed from, totals" in partial.stdout
    assert shown() == ["batch0"] * 4

    warehouse.arrive("batch2")
    warehouse.dbt("run")
    assert shown() == ["batch0"] * 4, "no tests"
    ungated = warehouse.dbt("build", "--exclude", "gate_orders")
    assert re.search(
        "Built but not published: .*orders.* Not in this run: gate_orders.* To publish: dbt build -s", ungated.stdout
    )
    assert shown() == ["batch0"] * 4, "no gate"

    warehouse.server.query(
        f"insert into {warehouse.schema}_arriving.arrivals values (cast(null as string), 'c', 'batch2')"
    )
    assert "FAIL 1 not_null_orders_id" in warehouse.dbt("build", check=False).stdout
    assert shown() == ["batch0"] * 4

    warehouse.arrive("batch3")
    warehouse.dbt("build", "--select", "orders+")
    assert shown() == ["batch3"] * 4
    history = warehouse.server.query(f"select batch from {warehouse.schema}.history order by batch")
    assert history == [("batch0",), ("batch3",)], "a model adds to its approved version only"


def test_rollback_and_the_versions_that_are_kept(warehouse: Warehouse) -> None:
    for number in (1, 2, 3):
        warehouse.arrive(f"batch{number}")
        warehouse.dbt("build")
    assert len(warehouse.versions("orders")) == 3, "the published one and two before it"
    for expected in ("batch2", "batch1"):
        warehouse.dbt("run-operation", "rollback")
        assert [warehouse.batch(table) for table in TABLES] == [expected] * 4
    refused = warehouse.dbt("run-operation", "rollback", check=False)
    assert refused.returncode != 0 and "rollback: nothing was changed; no version before v2" in refused.stdout
    assert [warehouse.batch(table) for table in TABLES] == ["batch1"] * 4
    warehouse.arrive("batch4")
    warehouse.dbt("build")
    history = warehouse.server.query(f"select batch from {warehouse.schema}.history order by batch")
    assert history == [("batch0",), ("batch1",), ("batch4",)], "what was rolled back is not built on"
    warehouse.dbt("run-operation", "rollback")
    assert [warehouse.batch(table) for table in TABLES] == ["batch1"] * 4, "nor gone back to"


def test_changed_columns_of_a_model_that_adds_to_itself_need_a_full_refresh(warehouse: Warehouse) -> None:
    changed = warehouse.home / "changed"
    shutil.copytree(warehouse.project, changed)
    model = changed / "models" / "history.sql"
    model.write_text(model.read_text().replace("select batch from {{ ref", "select batch, 1 as one from {{ ref"))
    properties = copy.deepcopy(PROPERTIES)
    next(entry for entry in properties["models"] if entry["name"] == "history")["columns"].append({"name": "one"})
    (changed / "models" / "properties.yml").write_text(yaml.safe_dump(properties))
    warehouse.project = changed
    refused = warehouse.dbt("build", check=False)
    assert "The columns of history have changed since its approved version: build it once with" in refused.stdout
    assert warehouse.batch("history") == "batch0"
    warehouse.dbt("build", "--full-refresh")
    assert warehouse.server.query(f"select * from {warehouse.schema}.history") == [("batch0", 1)]


def test_a_view_that_is_there_gets_the_description_of_now(warehouse: Warehouse) -> None:
    def comments() -> list[str]:
        rows = warehouse.server.query(f"describe table extended {warehouse.schema}.orders")
        return [value for name, value, _ in rows if name == "Comment"]

    assert comments() == [], "there was none when the view was made"
    changed = warehouse.home / "changed"
    shutil.copytree(warehouse.project, changed)
    warehouse.project = changed
    for description in ("One row per order: it's described.", "One row per order."):
        properties = copy.deepcopy(PROPERTIES)
        next(entry for entry in properties["models"] if entry["name"] == "orders")["description"] = description
        (changed / "models" / "properties.yml").write_text(yaml.safe_dump(properties))
        warehouse.dbt("build", "--select", "orders+")
        assert comments() == [description]


def test_hive_lists_no_functions_of_its_own(server: harness.Server) -> None:
    """A thread without a connection to the metastore opens one; that failed, and whoever came next waited for ever."""
    for _ in range(2):
        ((found,),) = server.query("select java_method('org.apache.hadoop.hive.ql.metadata.Hive', 'get')")
        assert found.startswith("org.apache.hadoop.hive.ql.metadata.Hive@")


class Reader(threading.Thread):
    """Queries all published tables over thrift, again and again, as a BI tool would; keeps what goes wrong."""

    def __init__(self, warehouse: Warehouse, approved: set[str]) -> None:
        super().__init__(daemon=True)
        self.warehouse, self.approved = warehouse, approved
        self.reads, self.faults, self.done = 0, [], threading.Event()

    def run(self) -> None:
        queries = {
            "orders": "select count(*), count(distinct batch), max(batch) from {}.orders",
            "totals": "select sum(orders), count(distinct batch), max(batch) from {}.totals",
            "report": "select sum(doubled) div 2, count(distinct batch), max(batch) from {}.report",
            "facts": """select count(*), count(distinct newest), max(newest)
                from (select if(day >= '2025-03-17', batch, null) as newest from {}.facts)""",
        }
        while not self.done.wait(0.2):  # leaves the cores to the builds
            for table, query in queries.items():
                try:
                    ((rows, batches, batch),) = self.warehouse.server.query(query.format(self.warehouse.schema))
                except Exception as error:
                    self.faults.append(f"{table}: {error}")
                    continue
                self.reads += 1
                if (rows, batches) != (ROWS, 1) or batch not in self.approved:
                    self.faults.append(f"{table}: {rows} rows of {batches} batches, {batch}")


def test_a_reader_never_meets_an_error_or_an_unapproved_row(warehouse: Warehouse) -> None:
    """Ten builds, one of them with a failing gate, one killed half-way; after the kill, a plain build heals."""
    reader = Reader(warehouse, {"batch0"})
    reader.start()
    for number in range(1, 11):
        name = f"bad{number}" if number == 4 else f"batch{number}"
        warehouse.arrive(name)
        if name != "bad4":
            reader.approved.add(name)
        if number == 7:  # killed once its marts are built and before anything is published
            killed = subprocess.Popen(
                [harness.DBT, *warehouse.command("build", pause=20_000)],
                cwd=warehouse.project,
                env=harness.dbt_environment(warehouse.home, **warehouse.environment),
                stdout=subprocess.DEVNULL,
            )
            while len(warehouse.versions("report")) < 4:
                assert killed.poll() is None, "it ended before it could be killed"
                time.sleep(0.2)
            os.kill(killed.pid, signal.SIGKILL)
            killed.wait()
            assert warehouse.batch("orders") == "batch6"
        else:
            assert warehouse.dbt("build", check=False).returncode == (1 if number == 4 else 0)
    reader.done.set()
    reader.join()
    assert reader.faults == [] and reader.reads > 30
    history = {batch for (batch,) in warehouse.server.query(f"select batch from {warehouse.schema}.history")}
    assert history == {f"batch{number}" for number in range(11) if number not in (4, 7)}
    assert all(len(warehouse.versions(table)) == 3 for table in (*TABLES, FACTS)), "nothing of the killed run is left"
    # Two months as the first run wrote them, and March as each of three versions has it.
    held = [
        (name, partition)
        for _, name, _ in warehouse.server.query(f"show tables in {warehouse.schema}_build like 'facts__files__v*'")
        for (partition,) in warehouse.server.query(f"show partitions {warehouse.schema}_build.{name}")
    ]
    once, each = ["month=2025-01-01", "month=2025-02-01"], ["month=2025-03-01"]
    assert sorted(partition for _, partition in held) == once + 3 * each
