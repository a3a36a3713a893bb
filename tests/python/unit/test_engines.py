"""Sessions over Spark Connect, without a server."""

from __future__ import annotations

import dbt_spark_python


def test_closing_one_session_leaves_the_others_their_threads() -> None:
    """pyspark's own way, to end the pool that they share, let builds over Spark Connect hang."""
    from pyspark.sql.connect.client.reattach import ExecutePlanResponseReattachableIterator

    dbt_spark_python.keep_release_pool()
    pool = ExecutePlanResponseReattachableIterator._get_or_create_release_thread_pool()
    ExecutePlanResponseReattachableIterator.shutdown()
    assert ExecutePlanResponseReattachableIterator._get_or_create_release_thread_pool() is pool
    assert pool.submit(lambda: "released").result(10) == "released"
