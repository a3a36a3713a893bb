"""Expectations that Great Expectations lacks, and an engine that checks a relation in one pass.

Importing this module registers them, so that ``ExpectationSuite(**json)`` and every tool of Great
Expectations knows them:

* ``expect_rows_to_satisfy``: a condition in SQL on each row;
* ``expect_columns_to_equal_sums_of_other_table``: totals agree with their lines;
* ``expect_no_personal_data_in_text``: no telephone number, e-mail address or identity number in any text;
* ``expect_rejected_share_to_be_at_most``: not too many rows were unusable;
* ``expect_required_table_to_hold_rows``: what is declared as used is there;
* ``expect_column_rise_to_be_at_most_column``: no row's value rose by more than it may since the last run that passed;
* ``expect_..._drift_to_be_at_most`` and ``expect_table_row_count_change_to_be_at_most``: comparison with the
  last run that passed.

Source: https://docs.greatexpectations.io/docs/core/customize_expectations (Great Expectations 1.24).
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.execution_engine import SparkDFExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation, ColumnAggregateExpectation
from great_expectations.expectations.metrics.metric_provider import metric_partial, metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from precision_marketing.models import drift

WITHHELD = "withheld:"  # how the reason of a row begins that the law, not its quality, keeps out
MOST_CATEGORIES = 1000
KEY_SEPARATOR = " / "  # between the parts of a row's key, where it stands in results
# With word boundaries: digits inside a longer number or word are none of these.
PERSONAL_DATA = {
    "telephone number": r"(?<![\w.])(\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\w|\.\d)",
    "e-mail address": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
    "identity number": r"\b[1-9]\d{5}(18|19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\d{3}[\dXx]\b",
}
ANY_PERSONAL_DATA = "|".join(f"({pattern})" for pattern in PERSONAL_DATA.values())


class OnePassEngine(SparkDFExecutionEngine):
    """Great Expectations' Spark engine for one relation, with fewer queries and no sample of values.

    One query counts the rows, one computes all aggregates and one all frequencies of categories; a key is looked at
    once, without a window over all rows. Offending values are not collected: they may be personal.

    ``relations`` are the frames that expectations across tables may look up by name, ``baseline`` is what the last
    run that passed observed, by type of expectation and column, and ``staged_rows`` the number of usable rows beside a
    table of rejected ones.
    """

    def __init__(
        self,
        name: str,
        frame: DataFrame,
        *,
        relations: Mapping[str, DataFrame] | None = None,
        baseline: Mapping[tuple[str, str | None], dict] | None = None,
        staged_rows: int = 0,
    ) -> None:
        # A data source would look for "the" Spark session itself, and find the wrong one where there are several.
        super().__init__(spark=frame.sparkSession, persist=False)
        self.load_batch_data(name, frame)
        self.relations = dict(relations or {})
        self.baseline = dict(baseline or {})
        self.staged_rows = staged_rows
        self._keys: dict[tuple[str, ...], tuple[int, int]] = {}
        self._categories: dict[str, dict[str, int]] = {}

    def _process_direct_and_bundled_metric_computation_configurations(
        self, metric_fn_direct_configurations: list, metric_fn_bundle_configurations: list
    ) -> dict:
        direct = metric_fn_direct_configurations
        columns = [
            computation.metric_configuration.metric_domain_kwargs["column"]
            for computation in direct
            if computation.metric_configuration.metric_name == "column.value_counts"
        ]
        columns = [column for column in columns if column in self.dataframe.columns]
        if columns:
            self._categories.update(category_counts(self.dataframe, columns))
        # Aggregates wait until nothing else is left to do: then they are one query. The number of rows must come
        # before most of them, but a columnar file knows it without being read.
        bundle = [] if direct else metric_fn_bundle_configurations
        row_count = [c for c in bundle if c.metric_configuration.metric_name == "table.row_count"]
        return super()._process_direct_and_bundled_metric_computation_configurations(
            metric_fn_direct_configurations=[self._cheaper(computation) for computation in direct],
            metric_fn_bundle_configurations=row_count or bundle,
        )

    def _cheaper(self, computation: Any) -> Any:
        """The computation of a metric, replaced where Great Expectations' own costs a query or collects values."""
        metric = computation.metric_configuration
        own: Callable[[], Any] | None = None
        domain = metric.metric_domain_kwargs
        if metric.metric_name.endswith(".unexpected_values"):
            own = list
        elif metric.metric_name == "column_values.unique.unexpected_count":
            own = functools.partial(self._repeated_keys, [domain["column"]])
        elif metric.metric_name == "compound_columns.unique.unexpected_count":
            own = functools.partial(self._repeated_keys, domain["column_list"])
        elif metric.metric_name == "compound_columns.unique.filtered_row_count":
            own = functools.partial(self._given_keys, domain["column_list"])
        elif metric.metric_name == "column.value_counts":
            own = functools.partial(self._frequencies, domain["column"])
        return dataclasses.replace(computation, metric_fn=lambda **_: own()) if own else computation

    def _given_keys(self, columns: Sequence[str]) -> int:
        return self._key_rows(columns)[0]

    def _repeated_keys(self, columns: Sequence[str]) -> int:
        return self._key_rows(columns)[1]

    def _frequencies(self, column: str) -> dict[str, int]:
        _require(self.dataframe, [column])
        return self._categories[column]

    def _key_rows(self, columns: Sequence[str]) -> tuple[int, int]:
        """Rows whose key has a part, and those of them that share it with another row."""
        columns = tuple(columns)
        if columns not in self._keys:
            given = F.coalesce(*(F.col(column).cast("string") for column in columns))
            keys = self.dataframe.where(given.isNotNull()).groupBy(*columns).agg(F.count(F.lit(1)).alias("__rows"))
            row = keys.agg(F.sum("__rows"), F.sum(F.expr("if(__rows > 1, __rows, 0)"))).first()
            self._keys[columns] = (row[0] or 0, row[1] or 0)
        return self._keys[columns]


def category_counts(frame: DataFrame, columns: Sequence[str]) -> dict[str, dict[str, int]]:
    """Rows per value of each of ``columns``, nulls left out, as {column: {value: rows}}; one query."""
    pairs = F.explode(
        F.array(*(F.struct(F.lit(c).alias("name"), F.col(c).cast("string").alias("value")) for c in columns))
    )
    counts = (
        frame.select(pairs.alias("pair")).where("pair.value is not null").groupBy("pair.name", "pair.value").count()
    )
    found: dict[str, dict[str, int]] = {column: {} for column in columns}
    for name, value, rows in counts.orderBy(F.desc("count"), "name", "value").limit(MOST_CATEGORIES).collect():
        found[name][value] = rows
    return found


def _mostly(element_count: int, unexpected_count: int, mostly: float) -> bool:
    return element_count == 0 or element_count - unexpected_count >= mostly * element_count - 1e-9


def _aggregate(metric_fn: Any) -> Any:
    """Decorator: a function of (engine, value kwargs) that gives a Spark aggregate, as a metric of the whole table."""

    def provider(cls: Any, execution_engine: Any, metric_domain_kwargs: dict, metric_value_kwargs: dict, **_: Any):
        return metric_fn(execution_engine, **(metric_value_kwargs or {})), metric_domain_kwargs, {}

    return metric_partial(SparkDFExecutionEngine, MetricPartialFunctionTypes.AGGREGATE_FN, MetricDomainTypes.TABLE)(
        provider
    )


def _require(frame: DataFrame, columns: Sequence[str]) -> None:
    missing = sorted(set(columns) - set(frame.columns))
    if missing:
        raise ValueError(f'no column "{", ".join(missing)}"')


# ------------------------------------------------------------------------------------------- rules on rows


class _ConditionCounts(TableMetricProvider):
    """[rows that break the condition, rows on which it is known]."""

    metric_name = "table.condition_counts"
    value_keys = ("column_list", "condition")

    @_aggregate
    def _spark(engine, column_list, condition):
        _require(engine.dataframe, column_list)
        met = F.expr(condition)
        _ = engine.dataframe.select(met).schema  # fails here alone, not in the query of all aggregates
        return F.array(F.count_if(~met), F.count(met))


class ExpectRowsToSatisfy(BatchExpectation):
    """Expect each row to satisfy a condition in Spark SQL; a row on which it is null is not counted.

    Args:
        column_list: the columns that the condition is about.
        condition: a boolean expression.
        mostly: the share of rows that must satisfy it, 0 to 1.
    """

    column_list: list[str]
    condition: str
    mostly: float = 1.0

    metric_dependencies: ClassVar = ("table.condition_counts", "table.row_count")
    success_keys: ClassVar = ("column_list", "condition", "mostly")
    args_keys: ClassVar = ("column_list", "condition", "mostly")

    def _validate(self, metrics: dict, runtime_configuration: Any = None, execution_engine: Any = None) -> dict:
        broken, known = metrics["table.condition_counts"]
        return {
            "success": _mostly(known, broken, self.mostly),
            "result": {"element_count": metrics["table.row_count"], "unexpected_count": broken},
        }

    def unexpected_rows(self, engine: SparkDFExecutionEngine) -> DataFrame:
        """The rows that break the condition."""
        return engine.dataframe.where(~F.expr(self.condition))


class _SumMismatches(TableMetricProvider):
    metric_name = "table.sum_mismatches"
    value_keys = ("column_list", "key", "other_table")

    @metric_value(engine=SparkDFExecutionEngine)
    def _spark(cls, execution_engine: Any, metric_value_kwargs: dict, **_: Any):
        return sum_mismatches(execution_engine, **metric_value_kwargs).count()


def sum_mismatches(engine: SparkDFExecutionEngine, column_list: Sequence[str], key: str, other_table: str) -> DataFrame:
    """Rows whose ``column_list`` are not the sums of these columns over the rows of ``other_table`` with their key."""
    other = getattr(engine, "relations", {}).get(other_table)
    other = engine.spark.table(other_table) if other is None else other
    _require(engine.dataframe, [key, *column_list])
    _require(other, [key, *column_list])
    sums = other.groupBy(key).agg(*(F.sum(column).alias(f"__{column}") for column in column_list))
    differs = [F.col(column) != F.coalesce(f"__{column}", F.lit(0)) for column in column_list]
    return (
        engine.dataframe.where(F.col(key).isNotNull())
        .join(sums, key, "left")
        .where(functools.reduce(operator.or_, differs))
    )


class ExpectColumnsToEqualSumsOfOtherTable(BatchExpectation):
    """Expect each value to be the sum of the same column over the rows of another table with the same key.

    A key that the other table lacks has sums of 0; a key or a value that is null is not counted.

    Args:
        column_list: columns of both tables.
        key: a column of both tables, unique in this one.
        other_table: a relation of the same gate, or a table.
    """

    column_list: list[str]
    key: str
    other_table: str

    metric_dependencies: ClassVar = ("table.sum_mismatches", "table.row_count")
    success_keys: ClassVar = ("column_list", "key", "other_table")
    args_keys: ClassVar = ("column_list", "key", "other_table")

    def _validate(self, metrics: dict, runtime_configuration: Any = None, execution_engine: Any = None) -> dict:
        mismatches = metrics["table.sum_mismatches"]
        return {
            "success": mismatches == 0,
            "result": {"element_count": metrics["table.row_count"], "unexpected_count": mismatches},
        }

    def unexpected_rows(self, engine: SparkDFExecutionEngine) -> DataFrame:
        """The rows whose values are not the sums."""
        return sum_mismatches(engine, self.column_list, self.key, self.other_table)


# ------------------------------------------------------------------------------------------- personal data


def text_columns(frame: DataFrame, ignore: Sequence[str] = ()) -> list[str]:
    """Names of the columns that hold text, alone or in arrays, but for those to ignore."""
    types = ("string", "array<string>")
    return [f.name for f in frame.schema.fields if f.dataType.simpleString() in types and f.name not in ignore]


def _is_personal(columns: Sequence[str]) -> Column:
    text = F.concat_ws("\n", *columns) if columns else F.lit("")
    return text.rlike(ANY_PERSONAL_DATA)


class _PersonalDataRows(TableMetricProvider):
    metric_name = "table.personal_data_rows"
    value_keys = ("ignore_columns",)

    @_aggregate
    def _spark(engine, ignore_columns=()):
        return F.count_if(_is_personal(text_columns(engine.dataframe, ignore_columns or ())))


class ExpectNoPersonalDataInText(BatchExpectation):
    """Expect no text column to hold a Chinese mobile number, an e-mail address or an 18-digit identity number.

    Args:
        ignore_columns: keys made of digits, in which such a number means something else.
    """

    ignore_columns: list[str] = []

    metric_dependencies: ClassVar = ("table.personal_data_rows", "table.row_count")
    success_keys: ClassVar = ("ignore_columns",)
    args_keys: ClassVar = ("ignore_columns",)

    def _validate(self, metrics: dict, runtime_configuration: Any = None, execution_engine: Any = None) -> dict:
        rows = metrics["table.personal_data_rows"]
        result = {"element_count": metrics["table.row_count"], "unexpected_count": rows}
        if rows:
            frame = execution_engine.dataframe
            columns = text_columns(frame, self.ignore_columns)
            counts = frame.agg(*(F.count_if(_is_personal([column])) for column in columns)).first()
            found = {column: count for column, count in zip(columns, counts, strict=True) if count}
            result |= {"observed_value": json.dumps(found), "details": f"found in {', '.join(found)}"}
        return {"success": rows == 0, "result": result}

    def unexpected_rows(self, engine: SparkDFExecutionEngine) -> DataFrame:
        """The rows in which something personal was found."""
        return engine.dataframe.where(_is_personal(text_columns(engine.dataframe, self.ignore_columns)))


# -------------------------------------------------------------------------------------------- rejected rows


class _RejectedRows(TableMetricProvider):
    metric_name = "table.rejected_rows"

    @_aggregate
    def _spark(engine):
        return F.count_if(~F.coalesce("reject_reason", F.lit("")).startswith(WITHHELD))


class ExpectRejectedShareToBeAtMost(BatchExpectation):
    """Expect at most a share of all rows, staged and rejected, to be rejected; withheld rows do not count.

    Args:
        max_value: the share, 0 to 1.
    """

    max_value: float | dict

    metric_dependencies: ClassVar = ("table.rejected_rows",)
    success_keys: ClassVar = ("max_value",)
    args_keys: ClassVar = ("max_value",)

    def _validate(self, metrics: dict, runtime_configuration: Any = None, execution_engine: Any = None) -> dict:
        allowed = cast(float, self.max_value)  # a parameter has its value by now
        rejected = metrics["table.rejected_rows"]
        total = rejected + getattr(execution_engine, "staged_rows", 0)
        return {
            "success": _mostly(total, rejected, 1 - allowed),
            "result": {
                "element_count": total,
                "unexpected_count": rejected,
                "details": f"{rejected / max(total, 1):.2%} rejected, allowed {allowed:.2%}",
            },
        }


# ------------------------------------------------------------------------------------------ required tables


class ExpectRequiredTableToHoldRows(BatchExpectation):
    """Expect a table that is declared as used not to be empty; of any other nothing is expected.

    Args:
        required: whether it is declared as used.
    """

    required: bool | dict

    metric_dependencies: ClassVar = ("table.row_count",)
    success_keys: ClassVar = ("required",)
    args_keys: ClassVar = ("required",)

    def _validate(self, metrics: dict, runtime_configuration: Any = None, execution_engine: Any = None) -> dict:
        rows = metrics["table.row_count"]
        said = f"{rows:,} rows" if rows else "empty"
        return {
            "success": rows > 0 or not self.required,
            "result": {
                "observed_value": rows,
                "details": f"{said}, {'declared as used' if self.required else 'not declared as used'}",
            },
        }


# ----------------------------------------------------------------------- comparison with the last run that passed


class _Drift:
    """What these expectations share: ``observe`` what is now, ``compare`` it with what was before.

    The observation is the expectation's ``observed_value``, as JSON; a gate hands it back as the engine's ``baseline``
    in later runs. Without one there is nothing to compare, and the expectation is met.
    """

    expectation_type: ClassVar[str]
    measure: ClassVar[str]
    max_value: float

    def observe(self, metrics: dict) -> dict:
        raise NotImplementedError

    def compare(self, now: dict, before: dict) -> float | None:
        raise NotImplementedError

    def _validate(self, metrics: dict, runtime_configuration: Any = None, execution_engine: Any = None) -> dict:
        now = self.observe(metrics)
        before = getattr(execution_engine, "baseline", {}).get((self.expectation_type, getattr(self, "column", None)))
        drift = self.compare(now, before) if before else None
        return {
            "success": drift is None or drift <= self.max_value,
            "result": {
                "observed_value": json.dumps(now | ({} if drift is None else {"drift": round(drift, 6)})),
                "details": "no earlier run to compare with"
                if drift is None
                else f"{self.measure} {drift:.3g}, at most {self.max_value:g}",
            },
        }


class ExpectTableRowCountChangeToBeAtMost(_Drift, BatchExpectation):
    """Expect the number of rows to be neither a multiple nor a fraction of that of the last run that passed.

    Args:
        max_value: the largest factor, up or down: with 2, neither twice as many rows nor half as many.
    """

    max_value: float

    measure: ClassVar = "number of rows changed by a factor of"
    metric_dependencies: ClassVar = ("table.row_count",)
    success_keys: ClassVar = ("max_value",)
    args_keys: ClassVar = ("max_value",)

    def observe(self, metrics: dict) -> dict:
        """{"rows": number of rows}"""
        return {"rows": metrics["table.row_count"]}

    def compare(self, now: dict, before: dict) -> float:
        """The factor, at least 1; an empty table counts as one row."""
        rows = max(now["rows"], 1), max(before["rows"], 1)
        return max(rows) / min(rows)


class _ColumnDrift(_Drift, ColumnAggregateExpectation):
    max_value: float

    success_keys: ClassVar = ("max_value",)
    args_keys: ClassVar = ("column", "max_value")


class ExpectColumnMeanDriftToBeAtMost(_ColumnDrift):
    """Expect a mean to be near that of the last run that passed, in standard deviations of that run.

    Args:
        column: a numeric column.
        max_value: 0.2 counts as a small, 0.5 as a medium, 0.8 as a large difference (J. Cohen, Statistical Power
            Analysis for the Behavioral Sciences, 1988).
    """

    measure: ClassVar = "standardised difference of means"
    metric_dependencies: ClassVar = ("column.mean", "column.standard_deviation")

    def observe(self, metrics: dict) -> dict:
        """{"mean": ..., "standard_deviation": ...}, null where there are not enough values"""
        values = {key: metrics[f"column.{key}"] for key in ("mean", "standard_deviation")}
        return {key: None if value is None or math.isnan(value) else float(value) for key, value in values.items()}

    def compare(self, now: dict, before: dict) -> float | None:
        """|mean - mean before| / standard deviation before; None where unknown, or where nothing varied."""
        if now["mean"] is None or before["mean"] is None or not before["standard_deviation"]:
            return None
        return abs(now["mean"] - before["mean"]) / before["standard_deviation"]


class ExpectColumnNullShareDriftToBeAtMost(_ColumnDrift):
    """Expect the share of missing values to be near that of the last run that passed.

    Args:
        column: the column.
        max_value: the largest difference of the shares, 0 to 1.
    """

    measure: ClassVar = "share of nulls changed by"
    metric_dependencies: ClassVar = ("column_values.nonnull.unexpected_count", "table.row_count")

    def observe(self, metrics: dict) -> dict:
        """{"null_share": 0 to 1, null for an empty table}"""
        rows, nulls = metrics["table.row_count"], metrics["column_values.nonnull.unexpected_count"]
        return {"null_share": nulls / rows if rows else None}

    def compare(self, now: dict, before: dict) -> float | None:
        """The absolute difference; None if one of the tables was empty."""
        if None in (now["null_share"], before["null_share"]):
            return None
        return abs(now["null_share"] - before["null_share"])


class ExpectColumnCategoryDriftToBeAtMost(_ColumnDrift):
    """Expect the shares of categories to be near those of the last run that passed, by population stability index.

    Args:
        column: a column with few values, none of them personal: their counts are kept with the results.
        max_value: the largest index; see ``drift.psi``.
    """

    measure: ClassVar = "population stability index"
    metric_dependencies: ClassVar = ("column.value_counts",)

    def observe(self, metrics: dict) -> dict:
        """{"counts": {category: rows}}"""
        counts = dict(metrics["column.value_counts"])
        return {"counts": {str(category): int(rows) for category, rows in sorted(counts.items())}}

    def compare(self, now: dict, before: dict) -> float | None:
        """The index; None if one of the tables had no values."""
        if not now["counts"] or not before["counts"]:
            return None
        categories = sorted(now["counts"].keys() | before["counts"].keys())
        counts = ([side["counts"].get(category, 0) for category in categories] for side in (before, now))
        return drift.psi(*counts)


class _ValuesByKey(TableMetricProvider):
    """{key: [value, largest rise]}; the largest rise is null where the row is not compared."""

    metric_name = "table.values_by_key"
    value_keys = ("column", "key_columns", "max_column", "condition")

    @metric_value(engine=SparkDFExecutionEngine)
    def _spark(cls, execution_engine: Any, metric_value_kwargs: dict, **_: Any):
        wanted = metric_value_kwargs
        frame = execution_engine.dataframe
        _require(frame, [wanted["column"], *wanted["key_columns"], wanted["max_column"]])
        key = F.concat_ws(KEY_SEPARATOR, *(F.coalesce(F.col(column), F.lit("")) for column in wanted["key_columns"]))
        rows = frame.select(key, wanted["column"], F.expr(f"if({wanted['condition']}, {wanted['max_column']}, null)"))
        return {key: [value, most] for key, value, most in rows.limit(MOST_CATEGORIES).collect()}


class ExpectColumnRiseToBeAtMostColumn(ColumnAggregateExpectation):
    """Expect each row's value to be little above that of the row with its key in the last run that passed.

    How little the row itself says. A row that was not there is not compared, nor is one whose value was null. A
    value that is null now has risen beyond any limit: what it was computed from is gone. Meant for relations of a
    few rows, all of which are kept with the results.

    Args:
        column: a numeric column.
        key_columns: text columns that name the row.
        max_column: the column with the largest rise; at 1 or more, or null, the row is not compared.
        condition: a boolean expression; a row on which it is not true is not compared.
    """

    key_columns: list[str]
    max_column: str
    condition: str

    metric_dependencies: ClassVar = ("table.values_by_key",)
    success_keys: ClassVar = ("key_columns", "max_column", "condition")
    args_keys: ClassVar = ("column", "key_columns", "max_column", "condition")

    def _validate(self, metrics: dict, runtime_configuration: Any = None, execution_engine: Any = None) -> dict:
        rows = dict(sorted(metrics["table.values_by_key"].items()))
        baseline = getattr(execution_engine, "baseline", {})
        before = baseline.get((self.expectation_type, self.column), {}).get("values", {})
        risen = {key: said for key, row in rows.items() if (said := _rise(before.get(key), *row))}
        observed = {"values": {key: value for key, (value, _) in rows.items()}, "before": before, "risen": list(risen)}
        unchanged = "no value rose by more than it may" if before else "no earlier run to compare with"
        return {
            "success": not risen,
            "result": {
                "observed_value": json.dumps(observed),
                "details": "; ".join(f"{key} {said}" for key, said in risen.items()) or unchanged,
            },
        }


def _rise(before: float | None, now: float | None, most: float | None) -> str:
    """How a share (0 to 1) rose by more than ``most``, in words; empty if it did not, or is not compared."""
    if before is None or most is None or most >= 1:
        return ""
    if now is None:
        return f"was {before:.1%} and cannot be told any more"
    return f"rose from {before:.1%} to {now:.1%}, allowed {most:.1%}" if now - before > most + 1e-9 else ""
