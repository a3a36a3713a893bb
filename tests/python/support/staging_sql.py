"""Staging's own SQL, made by the project's macros without dbt, for reading made-up raw columns in one query."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import harness

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

sys.path.insert(0, str(harness.ROOT / "tests" / "lint"))

READERS = {
    "key": "read_key",
    "number": "read_number",
    "whole": "read_whole",
    "coordinate": "read_coordinate",
    "instant": "read_instant",
    "day": "read_day",
    "boolean": "read_boolean",
}


def macros(variables: Mapping[str, object]) -> dict[str, Any]:
    """The project's macros by name, for a run with some ``variables`` set; relations are called as their models are."""
    import dbt_context

    words = dbt_context.context()
    given = words["var"]
    words["var"] = lambda name, *default: variables[name] if name in variables else given(name, *default)
    words["ref"] = lambda name: name
    return words


def reading(relation: str, columns: Mapping[str, str], zone: str = "Asia/Shanghai") -> str:
    """A query that reads ``relation`` as a base model does: {column: kind}.

    It has those columns, typed, ``raw`` with the text of each, and ``reason``: why a row is rejected.
    """
    words = macros({"business_timezone": zone})
    read = {name: words[READERS[kind]](name) if kind in READERS else name for name, kind in columns.items()}
    typed = ",\n        ".join(f"{expression} as {name}" for name, expression in read.items())
    readable = [name for name, kind in columns.items() if kind not in ("text", "name", "code", "key")]
    return f"""
        with raw_rows as ({words["raw_rows"](relation, columns)}),
        column_forms as ({words["column_forms"](columns)}),
        typed as (
            select struct({", ".join(columns)}) as raw, {words["ambiguous_columns"](columns)} as ambiguous, {typed}
            from raw_rows cross join column_forms
        )
        select *, {words["reject_reason"](columns, readable=readable)} as reason from typed
    """


def load_spellings(spark: SparkSession) -> None:
    """Make the seed ``spellings`` a view of the session."""
    with open(harness.ROOT / "seeds" / "spellings.csv", encoding="utf-8") as file:
        spark.createDataFrame(list(csv.DictReader(file))).createOrReplaceTempView("spellings")
