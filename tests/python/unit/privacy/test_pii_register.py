"""The register of personal data, the contract of the raw tables and the staging models say the same."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import harness

STAGING = harness.ROOT / "models" / "staging"
TREATMENTS = {"keep", "drop", "mask", "hash", "encrypt", "generalise"}
# How a treated column of a staged table is called; the plain name is for what is kept, generalised or aggregated.
TREATED_NAMES = {"mask": "{}_masked", "hash": "{}_hash"}

Register = dict[tuple[str, str], dict[str, str]]


def read_register() -> Register:
    with open(harness.ROOT / "seeds" / "pii_register.csv", encoding="utf-8") as file:
        return {(row["table_name"], row["column_name"]): row for row in csv.DictReader(file)}


def read_contract() -> dict[tuple[str, str], dict[str, Any]]:
    """Column meta by raw table and column."""
    return {
        (table["name"], column["name"]): column.get("config", {}).get("meta", {})
        for path in STAGING.glob("*/_*__sources.yml")
        for source in yaml.safe_load(path.read_text())["sources"]
        for table in source["tables"]
        for column in table["columns"]
    }


def read_models() -> dict[str, dict[str, dict[str, Any]]]:
    """Column meta by staging model and column."""
    return {
        model["name"]: {column["name"]: column.get("config", {}).get("meta", {}) for column in model["columns"]}
        for path in STAGING.glob("*/_*__models.yml")
        for model in yaml.safe_load(path.read_text())["models"]
    }


def model_of(table: str, prefix: str) -> str:
    source, _, entity = table.partition("_")
    return f"{prefix}_{source}__{entity}"


def base_sql(table: str) -> str:
    return (STAGING / table.partition("_")[0] / f"{model_of(table, 'base')}.sql").read_text()


def disagreements(register: Register, contract: dict[tuple[str, str], dict]) -> list[str]:
    """Columns that are in one of the two only, or with another level or treatment."""
    odd = [f"{'.'.join(key)} is not in both" for key in register.keys() ^ contract.keys()]
    for key in register.keys() & contract.keys():
        said = contract[key].get("pii_level"), contract[key].get("treatment")
        if said != (register[key]["level"], register[key]["treatment"]):
            odd.append(f"{'.'.join(key)} is {said} in the contract")
    return sorted(odd)


def untreated(register: Register, models: dict[str, dict]) -> Iterator[str]:
    """Columns of staged tables that are missing though registered as masked or hashed, or there though dropped."""
    for (table, column), row in register.items():
        staged, treatments = models[model_of(table, "stg")], set(row["treatment"].split("+"))
        for treatment in treatments & TREATED_NAMES.keys():
            name = column if column.endswith("_hash") else TREATED_NAMES[treatment].format(column)
            if name not in staged:
                yield f"{table}.{name} is missing"
        if treatments <= {"mask", "hash", "encrypt", "drop"} and column in staged and not column.endswith("_hash"):
            yield f"{table}.{column} is shown"


def test_register_and_contract_agree() -> None:
    register = read_register()
    assert len({table for table, _ in register}) == 18
    assert disagreements(register, read_contract()) == []


def test_a_disagreement_is_found() -> None:
    register, contract = read_register(), read_contract()
    register["crm_customers", "phone"]["treatment"] = "keep"
    contract["shop_orders", "gift_note"] = {}
    del contract["ads_impressions", "cost"]
    assert disagreements(register, contract) == [
        "ads_impressions.cost is not in both",
        "crm_customers.phone is ('L3', 'mask+hash+encrypt') in the contract",
        "shop_orders.gift_note is not in both",
    ]


def test_the_register_knows_its_words() -> None:
    for key, row in read_register().items():
        treatments = row["treatment"].split("+")
        assert set(treatments) <= TREATMENTS and len(set(treatments)) == len(treatments), key
        assert len(treatments) == 1 or not {"keep", "drop"} & set(treatments), key
        assert row["level"] in ("L1", "L2") or treatments != ["keep"], f"{key} names or locates a person untreated"
        assert row["purpose"], key


def test_what_is_treated_is_treated_in_staging() -> None:
    register, models = read_register(), read_models()
    assert list(untreated(register, models)) == []
    models["stg_crm__customers"]["phone"] = models["stg_crm__customers"].pop("phone_masked")
    models["stg_crm__erasure_requests"]["customer_id"] = {}
    assert sorted(untreated(register, models)) == [
        "crm_customers.phone is shown",
        "crm_customers.phone_masked is missing",
        "crm_erasure_requests.customer_id is shown",
    ]


def test_rows_of_customers_can_be_erased() -> None:
    """Every raw table with a customer withholds those who asked to be forgotten."""
    tables = {table for table, column in read_register() if column == "customer_id"} - {"crm_erasure_requests"}
    assert len(tables) >= 7
    assert [table for table in sorted(tables) if "erasable=true" not in base_sql(table)] == []


STORED = [
    path
    for path in sorted(STAGING.glob("*/base_*.sql"))
    if "materialized=" not in path.read_text()
    and re.search(r"erasable=true|expires=|withheld_orders", path.read_text())
]


def shown_though_withheld(sql: str) -> list[str]:
    """What a base model keeps of a withheld row, beside the reason."""
    columns = sql[sql.rindex("\nselect\n") :].partition("    _reject_reason,\n")[0].splitlines()[2:]
    jinja = [line for line in columns if line.lstrip().startswith(("{% ", "{%-", "--"))]
    return [line for line in columns if line not in jinja and not line.startswith("    {{ unless_withheld(")]


@pytest.mark.parametrize("path", STORED, ids=[path.stem for path in STORED])
def test_a_table_keeps_nothing_of_a_withheld_row(path: Path) -> None:
    sql = path.read_text()
    assert shown_though_withheld(sql) == []
    assert "raw_row_json(" in sql.rpartition("\nselect\n")[2]


def test_a_column_of_withheld_rows_is_found() -> None:
    assert len(STORED) >= 9
    sql = base_sql("shop_orders")
    planted = sql.replace("    {{ unless_withheld('store_id') }} as store_id,", "    store_id,")
    assert shown_though_withheld(planted) == ["    store_id,"]


def test_rows_expire_where_the_register_says_so() -> None:
    limits = {key: row["retention_days"] for key, row in read_register().items() if row["retention_days"]}
    assert len({table for table, _ in limits}) == len(limits) >= 5
    assert all(int(days) > 0 for days in limits.values())
    used = {
        tuple(expires.split("."))
        for path in STAGING.glob("*/base_*.sql")
        for expires in re.findall(r"expires='([\w.]+)'", path.read_text())
    }
    assert used == limits.keys()


@pytest.mark.parametrize("key, prefix", [("fill", "is_filled_"), ("outliers", "is_outlier_")])
def test_filled_and_flagged_can_be_told_from_given(key: str, prefix: str) -> None:
    """A column is declared as filled, or as checked for outliers, if and only if a second one says which rows."""
    found = 0
    for model, columns in read_models().items():
        declared = {column for column, meta in columns.items() if key in meta}
        assert declared == {column.removeprefix(prefix) for column in columns if column.startswith(prefix)}, model
        assert {columns[column][key] for column in declared} <= {"mean", "group_mean", "knn", "iqr"}
        found += len(declared)
    assert found >= 3
