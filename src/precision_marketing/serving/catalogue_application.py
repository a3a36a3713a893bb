"""What spark-submit runs once for a snapshot: its tables as a Hive catalogue on Derby, for the server to read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def main() -> None:
    """Execute the statements in the file that the first argument names."""
    from pyspark.sql import SparkSession

    session = SparkSession.builder.getOrCreate()
    for statement in json.loads(Path(sys.argv[1]).read_text()):
        session.sql(statement)
    close(session)
    session.stop()


def close(session: SparkSession) -> None:
    """Close Derby, so that the catalogue needs no recovery: of a read-only one there is none."""
    from py4j.protocol import Py4JJavaError

    jvm = session.sparkContext._jvm
    assert jvm is not None
    try:
        jvm.org.apache.derby.jdbc.EmbeddedDriver().connect("jdbc:derby:;shutdown=true", jvm.java.util.Properties())
    except Py4JJavaError as error:
        # Derby says by an exception that it has shut down.
        if "XJ015" not in str(error) and "shutdown" not in str(error):
            raise


if __name__ == "__main__":
    main()
