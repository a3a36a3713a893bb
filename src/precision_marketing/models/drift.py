"""Whether the customers scored today still look like those a model was trained on: the population stability index.

The values of a feature are counted in bins, once at training (``profile``, kept with the model) and again at scoring
(``drift_table``). With shares e of the training rows and a of today's rows,

    PSI = sum over bins of (a - e) * ln(a / e),

which is 0 for equal shares and the same in both directions (Jeffreys' divergence). The usual reading: below 0.1 stable,
below 0.25 moderate, else shifted. Small samples differ by chance: without any drift PSI / (1 / n + 1 / m) follows about
a chi-squared distribution with bins - 1 degrees of freedom, so ``chance_psi`` is what 95 of 100 samples without drift
stay below. A "shifted" feature below it says that there are too few rows, no more.

Numbers are binned at the deciles of the training rows; a value so frequent that it makes several deciles has a bin of
its own, so that a share of zeros is watched as such. Missing values are a bin, and so are all categories that training
did not know or hardly knew.

Sources: Siddiqi, "Credit Risk Scorecards" (2006), the thresholds; Jeffreys 1946; Yurdakul and Naranjo, "Statistical
properties of the population stability index", J. Risk Model Validation 14 (2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from precision_marketing.models.inputs import numbers, require_columns

BINS = 10
MAX_CATEGORIES = 50
SMALLEST_SHARE = 1e-4
MODERATE, SHIFTED = 0.1, 0.25
TABLE_COLUMNS = ("feature", "psi", "status", "chance_psi")


def psi(expected_counts: Sequence[float], actual_counts: Sequence[float]) -> float:
    """Population stability index of two counts over the same k bins; 0 or more, without a unit.

    A bin without rows on one side counts there as half a row, at least as a share of 0.0001, for it has no logarithm;
    a bin without rows on both sides counts nothing. NaN where either side has no rows at all.
    Raises ValueError for counts that are negative, not finite or of different lengths.
    """
    counts = [np.asarray(side, dtype=float) for side in (expected_counts, actual_counts)]
    if counts[0].ndim != 1 or counts[0].shape != counts[1].shape:
        raise ValueError(f"expected and actual counts differ in shape: {counts[0].shape} and {counts[1].shape}")
    if any((~np.isfinite(side) | (side < 0)).any() for side in counts):
        raise ValueError("counts must be finite and not negative")
    if any(side.sum() == 0 for side in counts):
        return float("nan")
    filled = (counts[0] > 0) | (counts[1] > 0)
    expected, actual = (
        np.where(side > 0, side / side.sum(), max(0.5 / side.sum(), SMALLEST_SHARE))[filled] for side in counts
    )
    return float(((actual - expected) * np.log(actual / expected)).sum())


def status(value: float) -> str:
    """'stable' below 0.1, 'moderate' below 0.25, else 'shifted'; 'unknown' for NaN."""
    if np.isnan(value):
        return "unknown"
    return "stable" if value < MODERATE else "moderate" if value < SHIFTED else "shifted"


def _is_numeric(column: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column):
        raise ValueError(f"{column.name} is a timestamp, which always moves: profile a number of days instead")
    # Decimals arrive as objects. A column without a known value has no kind; as a number it is all missing.
    kinds = ("integer", "floating", "mixed-integer-float", "decimal", "empty")
    return pd.api.types.infer_dtype(column, skipna=True) in kinds


def _edges(values: np.ndarray, bins: int) -> list[float]:
    """The quantiles between ``bins`` bins of the finite values, and both sides of values that make several."""
    finite = np.sort(values[np.isfinite(values)])
    if len(finite) == 0:
        return []
    # The k-th quantile is the value number ceil(k n / bins), in whole numbers.
    quantiles = finite[np.maximum(-(-np.arange(bins + 1) * len(finite) // bins) - 1, 0)]
    found, times = np.unique(quantiles, return_counts=True)
    frequent = found[times > 1]
    inner = np.unique(quantiles[1:-1])
    return np.unique(np.concatenate([inner, frequent, np.nextafter(frequent, -np.inf)])).tolist()


def _countnumbers(column: pd.Series, edges: Sequence[float]) -> list[int]:
    """Counts in the bins (-inf, e1], (e1, e2], ..., (ek, inf) and, last, of missing values."""
    values = numbers(column)
    known = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return [*counts.tolist(), len(values) - len(known)]


def _count_categories(column: pd.Series, categories: Sequence[str]) -> list[int]:
    """Counts of the categories, of all others, and of missing values."""
    known = column.dropna().astype(str)
    counts = known.value_counts().reindex(list(categories), fill_value=0).tolist()
    return [*counts, len(known) - sum(counts), len(column) - len(known)]


def profile(frame: pd.DataFrame, bins: int = BINS) -> dict[str, Any]:
    """What to keep of the training rows: bins and counts per column, as plain values for JSON.

    frame: n rows, a feature per column. Numbers (decimals too) get up to ``bins`` quantile bins, everything else its
    50 most frequent categories; truth values are categories.
    Returns {"rows": n, "features": {name: {"edges" or "categories": [...], "counts": [...]}}}; the last count is of
    missing values and, for categories, the last but one of all others.
    Raises ValueError for timestamps, columns of the same name and bins below 2.
    """
    if bins < 2:
        raise ValueError(f"bins must be at least 2, not {bins}")
    if not frame.columns.is_unique:
        raise ValueError(f"columns of the same name: {', '.join(map(str, frame.columns[frame.columns.duplicated()]))}")
    features: dict[str, Any] = {}
    for name in frame.columns:
        column = frame[name]
        if _is_numeric(column):
            edges = _edges(numbers(column), bins)
            features[str(name)] = {"edges": edges, "counts": _countnumbers(column, edges)}
        else:
            counts = column.dropna().astype(str).value_counts()
            # By name among equals, so that the order of rows does not matter.
            categories = sorted(counts.index, key=lambda value: (-counts[value], value))[:MAX_CATEGORIES]
            features[str(name)] = {"categories": categories, "counts": _count_categories(column, categories)}
    return {"rows": len(frame), "features": features}


def drift_table(reference_profile: Mapping[str, Any], current_frame: pd.DataFrame) -> pd.DataFrame:
    """How far each feature of the reference has moved, the farthest first.

    reference_profile: as ``profile`` returns. current_frame: n rows with at least its features; text in a feature that
    was a number counts as missing.
    Returns one row per feature (``TABLE_COLUMNS``): psi (NaN and status 'unknown' without rows on either side), status,
    and chance_psi, the 95% quantile of psi for as many rows without drift.
    Raises ValueError for a feature that is absent.
    """
    features = reference_profile["features"]
    current = current_frame.rename(columns=str)
    require_columns(current, features)
    sizes = (reference_profile["rows"], len(current))
    rows = []
    for name, reference in features.items():
        if "edges" in reference:
            counts = _countnumbers(current[name], reference["edges"])
        else:
            counts = _count_categories(current[name], reference["categories"])
        value = psi(reference["counts"], counts)
        filled = int(((np.array(reference["counts"]) > 0) | (np.array(counts) > 0)).sum())
        chance = np.nan
        if all(sizes):
            # A single bin, which has nothing to move to, leaves no freedom.
            chance = sum(1 / size for size in sizes) * stats.chi2.ppf(0.95, filled - 1) if filled > 1 else 0.0
        rows.append((name, value, status(value), chance))
    table = pd.DataFrame(rows, columns=list(TABLE_COLUMNS))
    return table.sort_values(["psi", "feature"], ascending=[False, True], ignore_index=True)
