"""Data-quality gates: run Great Expectations suites on Spark DataFrames, one result row per expectation.

A gate checks the relations of one source or domain. Each relation has a suite of its own name in ``expectations/``,
in the JSON that Great Expectations itself reads and writes (``ExpectationSuite.to_json_dict``). Beside
Great Expectations' own fields every expectation states its ``severity`` and, in ``meta``, the quality
``dimension`` it measures and the ``owner`` who is asked when it fails; the suite's own ``meta`` names the
relation's ``key``, which is shown as it is (``"plain_key": true``) where it holds names of tables and columns.

Source: https://docs.greatexpectations.io (Great Expectations 1.24); quality dimensions after DAMA UK,
"The six primary dimensions for data quality assessment" (2013).
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuite
    from great_expectations.data_context import AbstractDataContext
    from pyspark.sql import DataFrame, SparkSession

    from precision_marketing.quality.expectations import OnePassEngine

SEVERITIES = ("critical", "warning", "info")
DIMENSIONS = ("completeness", "uniqueness", "validity", "consistency", "timeliness", "accuracy")
REJECTED_SUFFIX = "__rejected"
COLUMN_KWARGS = ("column", "column_A", "column_B")
LIMITS = {"min_value": "at least", "max_value": "at most", "type_": "type"}
LONGEST_TEXT = 500
SAMPLE_SIZE = 5
# Expectations whose observed_value the next run compares with.
DRIFTS = (
    "expect_table_row_count_change_to_be_at_most",
    "expect_column_mean_drift_to_be_at_most",
    "expect_column_null_share_drift_to_be_at_most",
    "expect_column_category_drift_to_be_at_most",
    "expect_column_rise_to_be_at_most_column",
)
# (relation, type of expectation, column) -> what was observed
Baseline = Mapping[tuple[str, str, str | None], dict[str, Any]]
RESULT_SCHEMA = """
    run_id string, run_at timestamp, gate string, relation string, suite string, expectation string,
    column_name string, severity string, dimension string, owner string, success boolean,
    element_count bigint, unexpected_count bigint, unexpected_share double, observed_value string,
    kwargs string, message string, exception string, sample_keys string
"""
_import_lock = threading.Lock()
# What Great Expectations has to say is in the results; its log would stand between dbt's lines.
logging.getLogger("great_expectations").addHandler(logging.NullHandler())
logging.getLogger("great_expectations").propagate = False


class SuiteError(ValueError):
    """A suite file is missing, or says something a gate cannot run; the message names the file."""


def load_suite(relation: str, suites_dir: str | Path = "expectations") -> ExpectationSuite:
    """The suite ``<suites_dir>/<relation>.json``; the id of each expectation is its position in the file.

    Raises SuiteError when the file is missing or no JSON, is named otherwise than the suite in it, holds no
    expectation, or one that is unknown or lacks severity, dimension or owner.
    """
    expectations_module()  # registers the project's own expectations
    from great_expectations.core import ExpectationSuite
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    path = Path(suites_dir, f"{relation}.json")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SuiteError(f"No expectation suite for {relation}: {path.resolve()} does not exist") from None
    except json.JSONDecodeError as error:
        raise SuiteError(f"{path}: not valid JSON: {error}") from None
    if content.get("name") != relation:
        raise SuiteError(f"{path}: the suite is named {content.get('name')!r}, not {relation!r}")
    if not content.get("expectations"):
        raise SuiteError(f"{path}: the suite has no expectations")
    for position, expectation in enumerate(content["expectations"]):
        where = f"{path}: expectation {position + 1} ({expectation.get('type')})"
        meta = expectation.get("meta") or {}
        if expectation.get("severity") not in SEVERITIES:
            raise SuiteError(f"{where}: severity must be one of {', '.join(SEVERITIES)}")
        if meta.get("dimension") not in DIMENSIONS:
            raise SuiteError(f"{where}: meta.dimension must be one of {', '.join(DIMENSIONS)}")
        if not meta.get("owner"):
            raise SuiteError(f"{where}: meta.owner is missing")
        expectation["id"] = str(position)
        try:  # A suite logs and drops an expectation that it does not understand; nobody would miss it.
            ExpectationConfiguration(**expectation).to_domain_obj()
        except Exception as error:  # of many types, pydantic's among them
            raise SuiteError(f"{where}: {_one_line(error)}") from error
    return ExpectationSuite(**content)


def run_gate(
    dbt: Any,
    session: SparkSession,
    relations: Mapping[str, DataFrame],
    max_rejected_share: float = 0.0,
    required_sources: Collection[str] = (),
) -> DataFrame:
    """The body of a gate, a dbt Python model: results of this run, to be appended to the gate's own table.

    See ``run_suites`` for the arguments. The newest run in the gate's table without a failed critical expectation
    is the baseline.
    """
    from dbt_common.invocation import get_invocation_id

    history = session.table(str(dbt.this)) if dbt.is_incremental else None
    rows = run_suites(
        dbt.this.identifier,
        relations,
        run_id=get_invocation_id(),
        max_rejected_share=max_rejected_share,
        required_sources=required_sources,
        baseline=None if history is None else last_approved(history),
    )
    return session.createDataFrame(rows, RESULT_SCHEMA)


def last_approved(history: DataFrame) -> Baseline:
    """What the expectations of drift observed in the newest run of ``history`` (rows of RESULT_SCHEMA) that passed.

    By relation, type of expectation and column; empty if no run has passed.
    """
    runs = history.groupBy("run_at").agg(F.bool_or(F.expr("not success and severity = 'critical'")).alias("failed"))
    newest = runs.where("not failed").agg(F.max("run_at").alias("run_at"))
    rows = history.where(F.col("expectation").isin(*DRIFTS)).join(newest, "run_at")
    kept = rows.select("relation", "expectation", "column_name", "observed_value").where("observed_value is not null")
    return {(relation, expectation, column): json.loads(text) for relation, expectation, column, text in kept.collect()}


def run_suites(
    gate: str,
    relations: Mapping[str, DataFrame],
    *,
    run_id: str,
    suites_dir: str | Path = "expectations",
    max_rejected_share: float = 0.0,
    required_sources: Collection[str] = (),
    baseline: Baseline | None = None,
    run_at: dt.datetime | None = None,
) -> list[dict[str, Any]]:
    """Check each relation against its suite; one dict with the fields of RESULT_SCHEMA per expectation.

    Results come in the order of ``relations`` and of their suite files. Shares are of all rows of the
    relation (0 to 1), times are UTC. An expectation that could not be evaluated has failed, with the reason
    in ``exception``. No value of the checked data is kept but aggregates in ``observed_value`` (and the categories
    of columns whose drift is measured), and masked keys in ``sample_keys``.

    A suite may use these parameters as ``{"$PARAMETER": name}``:

    * ``end_of_tomorrow``: midnight after the day (UTC) that follows ``run_at``: later than any clock;
    * ``max_rejected_share``: the argument. A table ``x__rejected`` comes after its ``x`` in ``relations``;
    * ``is_required``: whether ``required_sources``, names of raw tables, has the one that the relation is made of.

    ``baseline`` is what ``last_approved`` gives. ``run_at`` (aware) defaults to now. Raises SuiteError as
    ``load_suite`` does, and for a suite parameter that has no value.
    """
    suites = {relation: load_suite(relation, suites_dir) for relation in relations}
    run_at = run_at or dt.datetime.now(dt.UTC)
    end_of_tomorrow = run_at.astimezone(dt.UTC).date() + dt.timedelta(days=2)
    parameters = {"end_of_tomorrow": f"{end_of_tomorrow}T00:00:00", "max_rejected_share": max_rejected_share}
    common = {"run_id": run_id, "run_at": run_at, "gate": gate}
    rows: list[dict[str, Any]] = []
    row_counts: dict[str, int] = {}
    for relation, frame in relations.items():
        engine = expectations_module().OnePassEngine(
            relation,
            frame,
            relations=relations,
            baseline={key[1:]: observed for key, observed in (baseline or {}).items() if key[0] == relation},
            staged_rows=row_counts.get(relation.removesuffix(REJECTED_SUFFIX), 0),
        )
        is_required = raw_table_of(relation) in required_sources
        results = _validate(suites[relation], engine, parameters | {"is_required": is_required})
        counts = [(result.result or {}).get("element_count") for result in results]
        row_counts[relation] = next((count for count in counts if count is not None), 0)
        meta = suites[relation].meta or {}
        shown = str if meta.get("plain_key") else mask_key
        for result in results:
            sample = _sample_keys(engine, meta.get("key", []), result, shown) if _has_offending_rows(result) else None
            names = sample or [] if meta.get("plain_key") else []
            row = _row(relation, result, names)
            row["sample_keys"] = None if sample is None else json.dumps(sample, ensure_ascii=False)
            rows.append({**common, "relation": relation, **row})
    return rows


def raw_table_of(relation: str) -> str:
    """The raw table that a staged relation is made of: ``stg_shop__order_items`` of ``shop_order_items``."""
    return relation.removeprefix("stg_").replace("__", "_", 1)


def expectations_module() -> ModuleType:
    """``precision_marketing.expectations``, whose import takes seconds: Great Expectations comes with it."""
    with _import_lock:
        from precision_marketing.quality import expectations
    return expectations


@functools.cache
def _context() -> AbstractDataContext:
    """Great Expectations in memory: no files, no usage statistics, no progress bars."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        progress_bars={"globally": False},
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _validate(suite: ExpectationSuite, engine: OnePassEngine, parameters: dict) -> list:
    """Great Expectations' results for one relation, in the order of the suite."""
    from great_expectations.core import ExpectationSuite
    from great_expectations.validator.validator import Validator

    # Great Expectations would fill in the parameters with one parser for all threads; gates run side by side.
    try:
        suite = ExpectationSuite(**_filled(suite.to_json_dict(), parameters))
    except KeyError as unknown:
        raise SuiteError(f"{suite.name}: no value for suite parameter {unknown.args[0]}") from None
    with _import_lock:  # gates run side by side, and Great Expectations knows one context at a time
        context = _context()
    outcome = Validator(execution_engine=engine, data_context=context).validate(
        expectation_suite=suite,
        result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
    )
    by_id = {result.expectation_config.id: result for result in outcome.results}
    # A KeyError here: Great Expectations left one out. Better no result than an approval.
    return [by_id[expectation.id] for expectation in suite.expectations]


def _row(suite: str, result: Any, names: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of RESULT_SCHEMA that come from one Great Expectations result; the message tells the ``names``."""
    config = result.expectation_config
    kwargs = {key: value for key, value in config.kwargs.items() if key != "batch_id"}
    columns = [kwargs[key] for key in COLUMN_KWARGS if key in kwargs] + list(kwargs.get("column_list", []))
    exception = _exception(result.exception_info)
    outcome = result.result or {}
    total: Any = outcome.get("element_count")
    # Great Expectations counts nothing at all on an empty table.
    unexpected: Any = 0 if total == 0 else outcome.get("unexpected_count")
    observed = outcome.get("observed_value")

    said = []
    if exception:
        said.append(f"could not be evaluated: {exception}")
    elif total is not None:
        said.append(f"{unexpected:,} of {total:,} rows")
        if kwargs.get("mostly", 1) < 1:
            said.append(f"allowed {1 - kwargs['mostly']:.2%}")
        said += names
    elif observed is not None and not outcome.get("details"):
        limits = ", ".join(f"{LIMITS[key]} {_number(value)}" for key, value in kwargs.items() if key in LIMITS)
        said.append(f"observed {_number(observed)}, expected {limits}")
    if outcome.get("details") and not exception:
        said.append(outcome["details"])
    severity = str(getattr(config.severity, "value", config.severity))
    counts = ", ".join(said) or ("as expected" if result.success else "not as expected")
    return {
        "suite": suite,
        "expectation": config.type,
        "column_name": ", ".join(columns) or None,
        "severity": severity,
        "dimension": config.meta["dimension"],
        "owner": config.meta["owner"],
        "success": bool(result.success) and not exception,
        "element_count": total,
        "unexpected_count": unexpected,
        "unexpected_share": None if unexpected is None else unexpected / max(total, 1),
        "observed_value": None if observed is None else str(observed),
        "kwargs": json.dumps(kwargs, sort_keys=True, default=str),
        "message": f"{suite}: {config.type}({', '.join(columns)}): {counts} ({severity})",
        "exception": exception,
    }


def _has_offending_rows(result: Any) -> bool:
    return not result.success and not _exception(result.exception_info) and bool(result.result.get("unexpected_count"))


def _sample_keys(
    engine: OnePassEngine, key: list[str], result: Any, shown: Callable[[str | None], str]
) -> list[str] | None:
    """The keys of up to SAMPLE_SIZE offending rows, the first in order of their keys, each part as ``shown`` gives it.

    None where the suite states no key, or the relation lacks it. One small query.
    """
    rows = _offending_rows(engine, result.expectation_config.to_domain_obj())
    if not key or rows is None or not set(key) <= set(rows.columns):
        return None
    keys = rows.select(*(rows[column].cast("string").alias(f"k{n}") for n, column in enumerate(key))).distinct()
    first = keys.orderBy(*keys.columns).limit(SAMPLE_SIZE).collect()
    return [" / ".join(shown(part) for part in row) for row in first]


def _offending_rows(engine: OnePassEngine, expectation: Any) -> DataFrame | None:
    """The rows that an expectation found wrong; None where it is not about rows."""
    from great_expectations.validator.metric_configuration import MetricConfiguration
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    if hasattr(expectation, "unexpected_rows"):
        return expectation.unexpected_rows(engine)
    if not getattr(expectation, "map_metric", None):
        return None
    needed = expectation.get_validation_dependencies(engine, {}).metric_configurations
    counted = needed[f"{expectation.map_metric}.unexpected_count"]
    condition, domain, columns = MetricsCalculator(engine).get_metric(
        MetricConfiguration(
            f"{expectation.map_metric}.condition", counted.metric_domain_kwargs, counted.metric_value_kwargs
        )
    )
    # A condition over a window can be a column, but not a filter.
    return engine.get_domain_records({**domain, **columns}).withColumn("__unexpected", condition).where("__unexpected")


def mask_key(key: str | None) -> str:
    """A key with its middle hidden: at most two characters at either end, never more than half of it, are shown."""
    if key is None:
        return "(null)"
    shown = min(2, len(key) // 4)
    return f"{key[:shown]}***{key[len(key) - shown :]}"


def _exception(info: dict | None) -> str | None:
    """What an expectation raised, in one line; None if it was evaluated.

    Great Expectations reports one exception flat and those of metrics in a dict by metric.
    """
    if not info:
        return None
    for entry in [info] if "raised_exception" in info else info.values():
        if entry["raised_exception"]:
            return _one_line(entry["exception_message"] or entry["exception_traceback"])
    return None


def _filled(value: Any, parameters: Mapping[str, Any]) -> Any:
    """A suite's JSON with each ``{"$PARAMETER": name}`` replaced by its value; KeyError without one."""
    if isinstance(value, dict):
        if "$PARAMETER" in value:
            return parameters[value["$PARAMETER"]]
        return {key: _filled(inner, parameters) for key, inner in value.items()}
    return [_filled(inner, parameters) for inner in value] if isinstance(value, list) else value


def _one_line(error: Any) -> str:
    return " ".join(str(error).split())[:LONGEST_TEXT]


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
