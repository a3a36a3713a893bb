"""Small frames of the driver as Spark's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame
    from pyspark.sql import SparkSession


def to_spark(session: SparkSession, frame: pd.DataFrame, schema: str) -> SparkDataFrame:
    """A small frame as a Spark DataFrame of the given DDL schema; NaN becomes null, no rows stay typed."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return value
        if pd.isna(value):
            return None
        return value.item() if isinstance(value, np.generic) else value

    rows = [tuple(plain(value) for value in row) for row in frame.itertuples(index=False, name=None)]
    return session.createDataFrame(rows, schema)


def typed(frame: pd.DataFrame, schema: str) -> pd.DataFrame:
    """The columns of a DDL schema, as an executor hands them to Spark: missing texts and whole numbers are None.

    A column of nothing but NaN, or of pandas' own nullable numbers, is neither text nor number to Arrow.
    """
    columns = {}
    for column in schema.split(", "):
        name, kind = column.split(" ", 1)
        values = frame[name]
        if kind in ("string", "int", "bigint"):
            values = values.astype(object).where(values.notna(), None)
        columns[name] = values
    return pd.DataFrame(columns, index=frame.index)
