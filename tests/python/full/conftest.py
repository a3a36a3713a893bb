"""A cluster on a demo warehouse, for what has to be proven on executors of their own or on several engines."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import harness

# Enough for every table to have rows; what needs more is tested in the layer warehouse.
CUSTOMERS = 1000


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """The target of profiles.yml that this process tests."""
    return request.config.getoption("--engine")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> harness.Demo:
    """A small demo, generated and built on the target local."""
    return harness.build_demo(tmp_path_factory.mktemp("demo"), CUSTOMERS)


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
