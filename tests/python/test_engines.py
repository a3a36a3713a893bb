"""The adapter's tests on a cluster of several processes, over Spark Connect and over thrift.

A process can hold one kind of Spark session, so each engine is tested by a pytest of its own. Both run at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness

ENGINES = ("connect", "thrift")


@pytest.fixture(scope="module")
def runs(spark_cluster: harness.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    """The process and the output file of each engine's pytest."""
    folder = tmp_path_factory.mktemp("engines")
    started: dict[str, tuple[subprocess.Popen, Path]] = {}
    for engine in ENGINES:
        command = [sys.executable, "-m", "pytest", "tests/python/adapter", "-q", "--engine", engine]
        with open(folder / engine, "wb") as output:
            process = subprocess.Popen(
                [*command, "-p", "no:cacheprovider", f"--basetemp={folder / 'temp' / engine}"],
                cwd=harness.ROOT,
                env={**os.environ, **spark_cluster.environment, "PYTEST_ADDOPTS": ""},
                stdout=output,
                stderr=output,
            )
        started[engine] = process, folder / engine
    yield started
    for process, _ in started.values():
        process.kill()


@pytest.mark.parametrize("engine", ENGINES)
def test_adapter_suites_pass_on_a_cluster(engine: str, runs: dict) -> None:
    process, output = runs[engine]
    code = process.wait()
    text = output.read_text(errors="replace")
    print(text[-300:])
    assert code == 0 and " passed" in text, text[-8000:]
