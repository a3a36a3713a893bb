"""What Superset knows of the dialect: Spark's functions for weeks and months, and its own lists of tables and views.

Superset has a specification of Spark, but for PyHive's dialect ``hive://``, where the one of Hive comes before it: that
asks for functions that Spark no longer has, and lists a view by the name of its database.
"""

from __future__ import annotations

from typing import Any

from superset.db_engine_specs.spark import SparkEngineSpec as OfHive


class SparkEngineSpec(OfHive):
    """Superset's specification of Spark, for ``spark+thrift://``."""

    engine = "spark"
    engine_name = "Apache Spark SQL over thrift"
    drivers = {"thrift": "PyHive"}
    default_driver = "thrift"

    @classmethod
    def get_view_names(cls, database: Any, inspector: Any, schema: str | None) -> set[str]:
        return set(inspector.get_view_names(schema))
