"""The time zones that the variable business_timezone may name."""

from __future__ import annotations

import zoneinfo
from types import SimpleNamespace

import pytest
from pyspark.sql import SparkSession

from macros import macro
from precision_marketing.project import variables

OFFSETS = ["+00:00", "-00:30", "+05:45", "+17:59", "-18:00", "+18:00"]


class Unknown(Exception):
    """What the macro raises."""


def refuse(message: str) -> None:
    raise Unknown(message)


def test_spark_reads_times_of_every_zone_that_passes(spark: SparkSession) -> None:
    """Of those that Python knows, all but the youngest pass the check in Spark, and what passes can be used."""
    zones = sorted(zoneinfo.available_timezones() - variables.NO_ZONES) + OFFSETS
    for zone in zones:
        variables.require("business_timezone", zone)
    checked = []

    def run_query(sql: str) -> SimpleNamespace:
        checked.append(sql)
        return SimpleNamespace(rows=[[True]])

    words = {"text_literal": macro("inputs/literals.sql", "text_literal"), "run_query": run_query}
    require = macro("sources/create_missing_sources.sql", "require_known_zone", **words)
    for zone in zones:
        require(zone)
    some = [checked[start : start + 40] for start in range(0, len(checked), 40)]  # a plan of all is too deep for Java
    answers = [row for queries in some for row in spark.sql(" union all ".join(queries)).collect()]
    known = [zone for zone, answer in zip(zones, answers, strict=True) if answer.is_known]
    assert len(known) > 0.98 * len(zones) and set(OFFSETS) <= set(known)
    frame = spark.createDataFrame([(zone,) for zone in known], "zone string")
    told = frame.selectExpr("from_utc_timestamp(timestamp '2025-07-01 12:00:00', zone) as local").collect()
    assert len(told) == len(known) and None not in [row.local for row in told]


def test_a_zone_that_spark_does_not_know_is_refused(spark: SparkSession) -> None:
    require = macro(
        "sources/create_missing_sources.sql", "require_known_zone",
        text_literal=macro("inputs/literals.sql", "text_literal"),
        run_query=lambda sql: SimpleNamespace(rows=spark.sql(sql).collect()),
        exceptions=SimpleNamespace(raise_compiler_error=refuse),
    )  # fmt: skip
    for zone in ("Asia/Shanghai", "+05:45"):
        require(zone)
    for zone in ("Asia/Nowhere", "it's", "back\\slash"):
        with pytest.raises(Unknown, match="business_timezone"):
            require(zone)
