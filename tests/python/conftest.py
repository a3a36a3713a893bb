"""Fixtures that cost seconds to minutes, made once for the whole run of tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import harness

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Demo:
    """A built demo warehouse: its MARKETING_HOME, what the build printed, and Spark's event log of it."""

    home: Path
    output: str
    events: Path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine", default="local", choices=("local", "connect", "thrift"),
        help="where the adapter's tests run; one process can hold one kind of Spark session",
    )  # fmt: skip


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """The target of profiles.yml that this process tests."""
    return request.config.getoption("--engine")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The default demo, generated and built as ``make build`` does, on the target local."""
    home, events = tmp_path_factory.mktemp("demo"), tmp_path_factory.mktemp("events")
    arguments = "{customers: 5000, only_if_empty: true}"
    generated = harness.run_dbt("run-operation", "generate_demo_data", "--args", arguments, home=home)
    defaults = "".join(f"{name} {value}\n" for name, value in harness.event_log(events).items())
    (events / "spark-defaults.conf").write_text(defaults)
    built = harness.run_dbt("build", home=home, SPARK_CONF_DIR=str(events))
    return Demo(home, generated.stdout + built.stdout, events)


@pytest.fixture(scope="session")
def spark_cluster(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[harness.Server]:
    """A master, two workers and a server on the demo's warehouse; the caller's where it names them."""
    if "SPARK_CONNECT_URL" in os.environ and "SPARK_THRIFT_PORT" in os.environ:
        connect_port = int(os.environ["SPARK_CONNECT_URL"].rpartition(":")[2])
        yield harness.Server(int(os.environ["SPARK_THRIFT_PORT"]), connect_port)
    else:
        home = request.getfixturevalue("demo").home
        with harness.cluster(tmp_path_factory.mktemp("cluster"), home) as server:
            yield server


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A Spark in this process for many small queries, which are interpreted: compiling them costs more than running."""
    from pyspark.sql import SparkSession

    # The workers need this interpreter, not the first python of the path.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "2g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.sql.adaptive.enabled", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, or a skip that says what is missing."""
    if not harness.SHARED_DATA.is_dir():
        pytest.skip("no real data: set MARKETING_SHARED_DATA to the folder described in docs/real_data.md")
    return harness.SHARED_DATA
