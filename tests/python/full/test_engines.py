"""The adapter's tests on a cluster of several processes, over Spark Connect and over thrift.

A process can hold one kind of Spark session, so each engine is tested by a pytest of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import harness


@pytest.mark.parametrize("engine", ["connect", "thrift"])
def test_adapter_suites_pass_on_a_cluster(engine: str, spark_cluster: harness.Server) -> None:
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "tests/python/full/adapter",
            "-q",
            "--engine",
            engine,
            "-p",
            "no:cacheprovider",
        ],
        cwd=harness.ROOT,
        env={**os.environ, **spark_cluster.environment},
        capture_output=True,
        text=True,
    )
    print(result.stdout[-300:])
    assert result.returncode == 0, result.stdout[-8000:]
