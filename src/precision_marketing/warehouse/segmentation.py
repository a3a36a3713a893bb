"""Segments in the warehouse: what the dbt Python models in models/ml/segments call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pandas as pd

from precision_marketing.models.segmentation import CUSTOMER_SCHEMA, FEATURES, FIT_ROWS, PROSPECTS, KMeansSegmenter

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame


# Spark ---------------------------------------------------------------------------------------------


def customer_features(rfm: SparkDataFrame) -> SparkDataFrame:
    """customer_id, as_of_date and ``FEATURES`` (doubles) of the table ``customer_rfm``."""
    return rfm.selectExpr(
        "customer_id",
        "as_of_date",
        "cast(recency_days as double) as recency_days",
        "cast(frequency as double) as frequency",
        "cast(monetary as double) as monetary",
        "cast(clv_12m_simple as double) as clv",
    )


def buyer_sample(rfm: SparkDataFrame, rows: int = FIT_ROWS) -> pd.DataFrame:
    """At most ``rows`` buyers of ``customer_rfm``, with customer_id and ``FEATURES``, on the driver.

    They are those with the smallest hash of customer_id: the same in every run and on every engine,
    nearly the same when customers come and go, and as good as random with respect to behaviour.
    """
    hashed = customer_features(rfm).where("frequency <> 0").selectExpr("*", "md5(customer_id) as sample_key")
    return hashed.orderBy("sample_key", "customer_id").limit(rows).drop("sample_key", "as_of_date").toPandas()


def score_customers(rfm: SparkDataFrame, segmenter: KMeansSegmenter) -> SparkDataFrame:
    """Every customer of ``customer_rfm`` with segment and distance (``CUSTOMER_SCHEMA``), on the executors."""
    score = segmenter.scorer()

    def score_batches(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        return (score(batch) for batch in batches)

    scored = customer_features(rfm).mapInPandas(score_batches, CUSTOMER_SCHEMA)
    # Arrow brings the NaN of prospects as a number; in the warehouse it is a null.
    return scored.selectExpr(
        "customer_id",
        "as_of_date",
        *FEATURES,
        "segment_id",
        f"case when segment_id <> {PROSPECTS} then distance end as distance",
    )


def segment_moments(customers: SparkDataFrame) -> pd.DataFrame:
    """Size, mean and sample variance of each feature in each segment of buyers, computed in Spark.

    customers: rows with segment_id and ``FEATURES``. Prospects are left out, as their features are set.
    Returns metric, segment_id, customers, mean, variance. Mean and variance keep ten significant
    digits: Spark adds partitions in any order, and a rebuild on the same rows should change nothing.
    """
    from pyspark.sql import functions as F

    moments: pd.DataFrame = (
        customers.where(f"segment_id <> {PROSPECTS}")
        .unpivot("segment_id", list(FEATURES), "metric", "value")
        .groupBy("metric", "segment_id")
        .agg(
            F.count("value").alias("customers"),
            F.avg("value").alias("mean"),
            F.var_samp("value").alias("variance"),
        )
        .orderBy("metric", "segment_id")
        .toPandas()
    )
    for name in ("mean", "variance"):
        moments[name] = [float(f"{value:.10g}") for value in moments[name].astype(float)]
    return moments
