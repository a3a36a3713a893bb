"""What a caller hands over, as numbers and names: checks with errors that name the column."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd


def require_columns(frame: pd.DataFrame, columns: Iterable[str], what: str = "") -> None:
    """Raises ValueError, which names them, if columns are absent from the frame, which errors call ``what``."""
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise ValueError(f"columns{what and f' of {what}'} are absent: {', '.join(absent)}")


def require_unique_customers(frame: pd.DataFrame) -> None:
    if "customer_id" in frame.columns:
        if frame["customer_id"].isna().any():
            raise ValueError("customer_id is missing in some rows")
        doubled = frame.loc[frame["customer_id"].duplicated(), "customer_id"]
        if len(doubled):
            raise ValueError(f"customer_id comes twice: {doubled.iloc[0]} and {len(doubled) - 1} others")


def days_of(frame: pd.DataFrame, column: str, default: np.ndarray | None = None) -> np.ndarray:
    """A column of days, finite and not negative; missing values take the default where there is one."""
    if default is not None and column not in frame.columns:
        return default
    values = numbers(frame[column])
    values = values if default is None else np.where(frame[column].isna(), default, values)
    unusable = ~(np.isfinite(values) & (values >= 0))
    if unusable.any():
        raise ValueError(f"{column} is missing, infinite or negative in {int(unusable.sum())} rows")
    return values


def numbers(column: pd.Series) -> np.ndarray:
    """A column as floats, (n,); NaN for what is missing or no number."""
    values: np.ndarray = pd.to_numeric(column, errors="coerce").to_numpy(float, na_value=np.nan)
    return values


def column_names(schema: str) -> list[str]:
    """The names in a DDL schema whose columns are parted by ', ' (the fields of a struct by ',' alone)."""
    return [column.split(" ", 1)[0] for column in schema.split(", ")]
