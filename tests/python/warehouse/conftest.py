"""One demo warehouse for the layer, built once, and one server that the tests query it through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import harness

# What is planted is found again within the error of so many customers: experiments, segments, clicks by campaign.
CUSTOMERS = 5000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What changes the warehouse comes last."""
    items.sort(key=lambda item: item.get_closest_marker("changes_the_warehouse") is not None)


@pytest.fixture(scope="session")
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> harness.Demo:
    """The default demo, generated and built as ``make build`` does, on the target local."""
    kept = request.config.getoption("--demo")
    return harness.build_demo(kept.absolute() if kept else tmp_path_factory.mktemp("demo"), CUSTOMERS)


@pytest.fixture(scope="session")
def served(demo: harness.Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Server]:
    """The demo behind thrift and Spark Connect, as ``make serve`` serves it."""
    logs = tmp_path_factory.mktemp("served")
    settings = {**harness.embedded_settings(demo.home), **harness.event_log(logs / "events")}
    settings["spark.hadoop.some.password"] = harness.PASSWORD
    with harness.serving(settings, logs / "server.log") as server:
        yield server
