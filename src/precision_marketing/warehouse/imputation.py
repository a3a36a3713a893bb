"""Estimates of missing values, on the executors; `models.imputation` has the method."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from precision_marketing.models.imputation import MAX_REFERENCE, NearestRowsImputer

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame


def estimate_missing(
    rows: SparkDataFrame, key: str, target: str, numeric: Sequence[str], categorical: Sequence[str]
) -> SparkDataFrame:
    """The rows whose ``target`` is missing, as (``key`` string, ``target`` double); none if no value is known.

    The imputer is fitted on the driver, on the known rows with the smallest hash of the key: the same in every run
    and on every engine. Estimates are made on the executors.
    """
    features = rows.selectExpr(
        f"cast({key} as string) as {key}",
        *[f"cast({column} as double) as {column}" for column in [target, *numeric]],
        *[f"cast({column} as string) as {column}" for column in categorical],
    )
    known = features.where(f"{target} is not null").selectExpr("*", f"md5({key}) as sample_key")
    reference = known.orderBy("sample_key", key).limit(MAX_REFERENCE).drop("sample_key").toPandas()
    imputer = NearestRowsImputer(target, numeric, categorical).fit(reference)

    def estimate(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        return (pd.DataFrame({key: batch[key], target: imputer.predict(batch)}) for batch in batches)

    estimates = features.where(f"{target} is null").mapInPandas(estimate, f"{key} string, {target} double")
    # Arrow may bring a NaN as a number or as a null.
    return estimates.where(f"{target} is not null and not isnan({target})")
