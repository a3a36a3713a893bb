"""Data-quality gates: run Great Expectations suites on Spark DataFrames, one result row per expectation.

A gate checks the relations of one source. Each relation has a suite of its own name in ``expectations/``,
in the JSON that Great Expectations itself reads and writes (``ExpectationSuite.to_json_dict``). Beside
Great Expectations' own fields every expectation states its ``severity`` and, in ``meta``, the quality
``dimension`` it measures and the ``owner`` who is asked when it fails.

Source: https://docs.greatexpectations.io (Great Expectations 1.24); quality dimensions after DAMA UK,
"The six primary dimensions for data quality assessment" (2013).
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuite
    from great_expectations.data_context import AbstractDataContext
    from pyspark.sql import DataFrame

SEVERITIES = ("critical", "warning", "info")
DIMENSIONS = ("completeness", "uniqueness", "validity", "consistency", "timeliness", "accuracy")
REJECTED_SUFFIX = "__rejected"
COLUMN_KWARGS = ("column", "column_A", "column_B")
LIMITS = {"min_value": "at least", "max_value": "at most", "type_": "type"}
LONGEST_TEXT = 500

RESULT_SCHEMA = """
    run_id string, run_at timestamp, gate string, relation string, suite string, expectation string,
    column_name string, severity string, dimension string, owner string, success boolean,
    element_count bigint, unexpected_count bigint, unexpected_share double, observed_value string,
    kwargs string, message string, exception string
"""

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


def run_suites(
    gate: str,
    relations: Mapping[str, DataFrame],
    *,
    run_id: str,
    suites_dir: str | Path = "expectations",
    max_rejected_share: float = 0.0,
    run_at: dt.datetime | None = None,
) -> list[dict[str, Any]]:
    """Check each relation against its suite; one dict with the fields of RESULT_SCHEMA per expectation.

    Results come in the order of ``relations`` and of their suite files. Shares are of all rows of the
    relation (0 to 1), times are UTC. An expectation that could not be evaluated has failed, with the reason
    in ``exception``. No value of the checked data is kept except the aggregate in ``observed_value``.

    A suite may use these parameters as ``{"$PARAMETER": name}``:

    * ``end_of_tomorrow``: midnight after the day (UTC) that follows ``run_at``: later than any clock;
    * ``allowed_rejected_rows``, in the suite of ``x__rejected`` where ``x`` is among ``relations`` too:
      ``max_rejected_share`` of the rows of both, rounded down.

    ``run_at`` (aware) defaults to now. Raises SuiteError as ``load_suite`` does, and for a suite parameter
    that has no value.
    """
    suites = {relation: load_suite(relation, suites_dir) for relation in relations}
    run_at = run_at or dt.datetime.now(dt.UTC)
    end_of_tomorrow = run_at.astimezone(dt.UTC).date() + dt.timedelta(days=2)
    common = {"run_id": run_id, "run_at": run_at, "gate": gate}
    rows = []
    for relation, frame in relations.items():
        parameters: dict[str, Any] = {"end_of_tomorrow": f"{end_of_tomorrow}T00:00:00"}
        staged = relations.get(relation.removesuffix(REJECTED_SUFFIX))
        if relation.endswith(REJECTED_SUFFIX) and staged is not None:
            total = staged.count() + frame.count()
            # 0.29 * 100 is 28.999999999999996, and 29 rows are meant.
            parameters["allowed_rejected_rows"] = math.floor(max_rejected_share * total + 1e-9)
        for result in _validate(suites[relation], frame, parameters):
            rows.append({**common, "relation": relation, **_row(relation, result)})
    return rows


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


def _validate(suite: ExpectationSuite, frame: DataFrame, parameters: dict) -> list:
    """Great Expectations' results for one relation, in the order of the suite."""
    from great_expectations.execution_engine import SparkDFExecutionEngine
    from great_expectations.validator.validator import Validator

    unknown = _parameters(suite.to_json_dict()) - set(parameters)
    if unknown:
        raise SuiteError(f"{suite.name}: no value for suite parameter {', '.join(sorted(unknown))}")
    # A data source would look for "the" Spark session itself, and find the wrong one where there are several.
    engine = SparkDFExecutionEngine(spark=frame.sparkSession, persist=False)
    engine.load_batch_data(suite.name, frame)
    outcome = Validator(execution_engine=engine, data_context=_context()).validate(
        expectation_suite=suite,
        suite_parameters=parameters,
        # No sample of the offending values leaves Spark: they may be personal.
        result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
    )
    by_id = {result.expectation_config.id: result for result in outcome.results}
    # A KeyError here: Great Expectations left one out. Better no result than an approval.
    return [by_id[expectation.id] for expectation in suite.expectations]


def _row(suite: str, result: Any) -> dict[str, Any]:
    """The fields of RESULT_SCHEMA that come from one Great Expectations result."""
    config = result.expectation_config
    kwargs = {key: value for key, value in config.kwargs.items() if key != "batch_id"}
    columns = [kwargs[key] for key in COLUMN_KWARGS if key in kwargs] + list(kwargs.get("column_list", []))
    exception = _exception(result.exception_info)
    outcome = result.result or {}
    total = outcome.get("element_count")
    # Great Expectations counts nothing at all on an empty table.
    unexpected = 0 if total == 0 else outcome.get("unexpected_count")
    observed = outcome.get("observed_value")

    if exception:
        counts = f"could not be evaluated: {exception}"
    elif total is not None:
        counts = f"{unexpected:,} of {total:,} rows"
        if kwargs.get("mostly", 1) < 1:
            counts += f", allowed {1 - kwargs['mostly']:.2%}"
    elif observed is not None:
        limits = ", ".join(
            f"{LIMITS.get(key, key)} {_number(value)}" for key, value in kwargs.items() if key not in COLUMN_KWARGS
        )
        counts = f"observed {_number(observed)}, expected {limits}"
    else:
        counts = "as expected" if result.success else "not as expected"
    severity = str(getattr(config.severity, "value", config.severity))
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
        "observed_value": None if observed is None else str(observed)[:LONGEST_TEXT],
        "kwargs": json.dumps(kwargs, sort_keys=True, default=str),
        "message": f"{suite}: {config.type}({', '.join(columns)}): {counts} ({severity})",
        "exception": exception,
    }


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


def _parameters(value: Any) -> set[str]:
    """Names of all suite parameters in a suite's JSON."""
    if isinstance(value, dict):
        own = {value["$PARAMETER"]} if "$PARAMETER" in value else set()
        return own.union(*map(_parameters, value.values()))
    return set().union(*map(_parameters, value)) if isinstance(value, list) else set()


def _one_line(error: Any) -> str:
    return " ".join(str(error).split())[:LONGEST_TEXT]


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
