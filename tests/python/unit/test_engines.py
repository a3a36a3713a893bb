"""Sessions of Spark, without a server or a Java."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import dbt_spark_python


def test_closing_one_session_leaves_the_others_their_threads() -> None:
    """pyspark's own way, to end the pool that they share, let builds over Spark Connect hang."""
    from pyspark.sql.connect.client.reattach import ExecutePlanResponseReattachableIterator

    dbt_spark_python.keep_release_pool()
    pool = ExecutePlanResponseReattachableIterator._get_or_create_release_thread_pool()
    ExecutePlanResponseReattachableIterator.shutdown()
    assert ExecutePlanResponseReattachableIterator._get_or_create_release_thread_pool() is pool
    assert pool.submit(lambda: "released").result(10) == "released"


def test_a_process_ends_after_its_java() -> None:
    """Java has the metastore open for a while after its Python has gone: the next command would be refused."""
    slow = "import sys, time; sys.stdin.read(); time.sleep(0.3)"
    java = subprocess.Popen([sys.executable, "-c", slow], stdin=subprocess.PIPE)
    dbt_spark_python.wait_for_end(SimpleNamespace(proc=java))
    assert java.returncode == 0
