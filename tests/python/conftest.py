"""Fixtures that cost seconds to minutes, made once for the whole run of tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import harness


@dataclass(frozen=True)
class Demo:
    """A built demo warehouse: its MARKETING_HOME, and what the build printed."""

    home: Path
    output: str


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
    home = tmp_path_factory.mktemp("demo")
    arguments = "{customers: 5000, only_if_empty: true}"
    generated = harness.run_dbt("run-operation", "generate_demo_data", "--args", arguments, home=home)
    return Demo(home, generated.stdout + harness.run_dbt("build", home=home).stdout)


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


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, or a skip that says what is missing."""
    if not harness.SHARED_DATA.is_dir():
        pytest.skip("no real data: set MARKETING_SHARED_DATA to the folder described in docs/real_data.md")
    return harness.SHARED_DATA
