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
