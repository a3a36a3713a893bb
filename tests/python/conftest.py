"""Fixtures that cost seconds to minutes, made once for the whole run of tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness


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
def spark_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Server]:
    """A master, two workers and a server; those of the calling process where it names them."""
    if "SPARK_CONNECT_URL" in os.environ and "SPARK_THRIFT_PORT" in os.environ:
        connect_port = int(os.environ["SPARK_CONNECT_URL"].rpartition(":")[2])
        yield harness.Server(int(os.environ["SPARK_THRIFT_PORT"]), connect_port)
    else:
        with harness.cluster(tmp_path_factory.mktemp("cluster")) as server:
            yield server


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, or a skip that says what is missing."""
    if not harness.SHARED_DATA.is_dir():
        pytest.skip("no real data: set MARKETING_SHARED_DATA to the folder described in docs/real_data.md")
    return harness.SHARED_DATA
