"""The rules on links and columns of the sources name what there is, and leave nothing out."""

from __future__ import annotations

import ast
import csv
import re

import pytest
import yaml

import harness

STAGING = harness.ROOT / "models" / "staging"
CONTRACT = {
    table["name"]: {column["name"]: column["config"]["meta"]["kind"] for column in table["columns"]}
    for path in sorted(STAGING.glob("*/_*__sources.yml"))
    for source in yaml.safe_load(path.read_text())["sources"]
    for table in source["tables"]
}
PROFILES = {
    table: columns
    for path in sorted(STAGING.glob("*/stg_*__column_profile.sql"))
    for table, columns in ast.literal_eval(re.search(r"set tables = (\{.*?\n\})", path.read_text(), re.S)[1]).items()
}
LINKS = {
    link
    for path in sorted(STAGING.glob("*/stg_*__linkage.sql"))
    for link in re.findall(r"\blink\('(\w+)', '(\w+)'", path.read_text())
}


def seed(name: str) -> list[dict[str, str]]:
    with open(harness.ROOT / "seeds" / f"{name}.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_column_has_a_profile_that_reads_it_by_its_kind() -> None:
    """Else a column that becomes null throughout would be text, which is always readable. Of a gender only known
    words are read."""
    kinds = {table: dict(columns) for table, columns in CONTRACT.items()}
    kinds["crm_customers"]["gender"] = "gender"
    assert kinds == PROFILES


@pytest.mark.parametrize("table", PROFILES)
def test_a_profile_counts_columns_in_the_order_of_the_base_model(table: str) -> None:
    """``_column_states`` has a letter per column; in another order they would be those of other columns."""
    source, _, entity = table.partition("_")
    sql = (STAGING / source / f"base_{source}__{entity}.sql").read_text()
    assert list(PROFILES[table]) == list(ast.literal_eval(re.search(r"set columns = (\{.*?\})\s*%\}", sql, re.S)[1]))


def test_every_link_has_limits_and_no_limit_is_for_nothing() -> None:
    rows = seed("linkage_limits")
    assert {(row["relation"], row["key_name"]) for row in rows} == LINKS and len(LINKS) == 13


@pytest.mark.parametrize("name", ["linkage_limits", "column_limits"])
def test_limits_are_shares(name: str) -> None:
    values = {value for row in seed(name) for column, value in row.items() if column.startswith(("max_", "min_"))}
    assert all(0 <= float(value) <= 1 for value in values - {""})


def test_limits_of_columns_are_of_columns_of_the_contract() -> None:
    usual, *own = seed("column_limits")
    assert (usual["table_name"], usual["column_name"]) == ("*", "*")
    assert usual["max_nothing_share"] and usual["min_readable_share"]
    assert [row for row in own if row["column_name"] not in CONTRACT.get(row["table_name"], ())] == []
