"""Every raw column has a kind, which its base model repeats and reads it by."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest
import yaml

import harness
import staging_sql
from staging_sql import READERS

STAGING = harness.ROOT / "models" / "staging"
KINDS = {*READERS, "code", "text", "name"}
# By other macros or none: telephone numbers and hashes are plain in raw_rows, coordinates are rounded as they are read.
READ_OTHERWISE = {"code", "text", "name", "coordinate"}

VIEWS = [
    path for path in sorted(STAGING.glob("*/base_*.sql")) if "materialized='view'" in path.read_text(encoding="utf-8")
]
MACROS = staging_sql.macros({})

Kinds = dict[str, str]


def contract() -> dict[str, Kinds]:
    """The kind of each column by raw table; '' for none."""
    return {
        table["name"]: {column["name"]: column["config"]["meta"].get("kind", "") for column in table["columns"]}
        for path in sorted(STAGING.glob("*/_*__sources.yml"))
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]
        for table in source["tables"]
    }


def base_model(table: str) -> Path:
    source, _, entity = table.partition("_")
    return STAGING / source / f"base_{source}__{entity}.sql"


def kinds_of(sql: str) -> Kinds:
    """What a base model says of its columns."""
    found = re.search(r"set columns = (\{.*?\})\s*%\}", sql, re.DOTALL)
    return ast.literal_eval(found[1]) if found else {}


def faults(sql: str, kinds: Kinds) -> Iterator[str]:
    """Where a base model does not do with a column what its kind says."""
    if kinds_of(sql) != kinds:
        yield "columns"
    for column, kind in kinds.items():
        readers = set(re.findall(rf"\b(read_\w+)\('{column}'", sql))
        if kind not in READ_OTHERWISE and readers != {READERS[kind]}:
            yield column
    for call in (
        "column_forms(columns)",
        "ambiguous_columns(columns)",
        "given_columns(columns)",
        "column_states(columns)",
        "cross join column_forms",
        "columns,",
    ):
        if call not in sql:
            yield call


def test_every_raw_column_has_a_kind() -> None:
    found = contract()
    assert len(found) > 10
    assert {
        f"{table}.{name}": kind for table, kinds in found.items() for name, kind in kinds.items() if kind not in KINDS
    } == {}


@pytest.mark.parametrize("table", contract())
def test_base_models_read_columns_by_their_kind(table: str) -> None:
    assert list(faults(base_model(table).read_text(encoding="utf-8"), contract()[table])) == []


@pytest.mark.parametrize("path", VIEWS, ids=[path.stem for path in VIEWS])
def test_a_view_fits_into_every_metastore(path: Path) -> None:
    """Hive's metastore on Derby, the embedded one, refuses a view of more than 32,700 characters."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    sql = environment.from_string(path.read_text(encoding="utf-8"), globals=MACROS).render()
    assert len(sql) < 32_000


def test_what_is_wrong_is_found() -> None:
    sql, kinds = base_model("shop_orders").read_text(encoding="utf-8"), contract()["shop_orders"]
    assert "columns" in faults(sql, {**kinds, "status": "key"})
    assert "ordered_at" in faults(sql.replace("read_instant('ordered_at')", "ordered_at"), kinds)
    assert "order_id" in faults(sql.replace("read_key('order_id')", "read_number('order_id')"), kinds)
    assert "columns," in faults(sql.replace("columns,", ""), kinds)
