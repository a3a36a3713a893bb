"""What tests of several layers share: options, a Spark in this process, the folder of real data."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadFileScheduling

import harness
from precision_marketing.build import ONE_COMPILER

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The tests' warehouses are as small as a demo, those that a subprocess builds too.
os.environ.setdefault("MARKETING_JAVA_OPTIONS", ONE_COMPILER)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine", default="local", choices=("local", "connect", "thrift"),
        help="where the adapter's tests run; one process can hold one kind of Spark session",
    )  # fmt: skip
    parser.addoption(
        "--demo", type=Path,
        help="folder in which the layer warehouse keeps its built demo and finds it again: no build each time; "
        "remove it when a model has changed",
    )  # fmt: skip


class ByLayer(LoadFileScheduling):
    """Tests side by side, by module; but those of the layer warehouse in one process, which builds their demo."""

    def _split_scope(self, nodeid: str) -> str:
        layer = "tests/python/warehouse/"
        return layer if nodeid.startswith(layer) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByLayer:
    return ByLayer(config, log)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A Spark in this process for many small queries, which are interpreted: compiling them costs more than running."""
    from pyspark.sql import SparkSession

    # The workers need this interpreter, not the first python of the path.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "2g")
        .config("spark.driver.extraJavaOptions", ONE_COMPILER)
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
