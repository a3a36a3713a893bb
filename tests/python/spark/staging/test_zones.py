"""The time zones that the variable business_timezone may name."""

from __future__ import annotations

import zoneinfo

from pyspark.sql import SparkSession

from precision_marketing.project import variables

OFFSETS = ["+00:00", "-00:30", "+05:45", "+17:59", "-18:00", "+18:00"]


def test_spark_knows_every_zone_that_is_allowed(spark: SparkSession) -> None:
    zones = sorted(zoneinfo.available_timezones()) + OFFSETS
    assert len(zones) > 400
    for zone in zones:
        variables.require("business_timezone", zone)
    frame = spark.createDataFrame([(zone,) for zone in zones], "zone string")
    told = frame.selectExpr("from_utc_timestamp(timestamp '2025-07-01 12:00:00', zone) as local").collect()
    assert None not in [row.local for row in told] and len(told) == len(zones)
