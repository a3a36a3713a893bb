"""The adapter's tests on a cluster of several processes, over Spark Connect and over thrift.

A process can hold one kind of Spark session, so each engine is tested by a pytest of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import dbt_spark_python
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


def test_closing_one_session_leaves_the_others_their_threads() -> None:
    """pyspark's own way, to end the pool that they share, let builds over Spark Connect hang."""
    from pyspark.sql.connect.client.reattach import ExecutePlanResponseReattachableIterator

    dbt_spark_python.keep_release_pool()
    pool = ExecutePlanResponseReattachableIterator._get_or_create_release_thread_pool()
    ExecutePlanResponseReattachableIterator.shutdown()
    assert ExecutePlanResponseReattachableIterator._get_or_create_release_thread_pool() is pool
    assert pool.submit(lambda: "released").result(10) == "released"
