"""Personal data followed through the project itself: dbt's compiled models, and the table that a build made."""

from __future__ import annotations

import json
import re
from collections import defaultdict

import pyarrow.parquet
import pytest

import harness
from precision_marketing.privacy.inventory import disagreements, inventory, leaks, read_register
from precision_marketing.privacy.lineage_picture import main

REGISTER_FILE = str(harness.ROOT / "seeds" / "pii_register.csv")


@pytest.fixture(scope="module")
def register():
    return read_register(REGISTER_FILE)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The project's manifest, compiled on an empty warehouse."""
    home = tmp_path_factory.mktemp("lineage")
    harness.run_dbt("compile", home=home)
    return home / "target" / "manifest.json"


@pytest.fixture(scope="module")
def manifest(compiled):
    return json.loads(compiled.read_text())


@pytest.fixture(scope="module")
def rows(manifest, register):
    return inventory(manifest, register)


def test_no_raw_l3_or_l4_column_is_shown_untreated(rows, register):
    assert leaks(rows, register) == []


def test_the_project_treats_columns_as_the_register_says(rows, register):
    assert disagreements(rows, register) == []


def test_every_model_is_followed(rows, manifest):
    treatments = defaultdict(set)
    for row in rows:
        treatments[row["relation"], row["column_name"]].add((row["source_column"], row["treatment"]))
    assert treatments["stg_crm__customers", "phone_masked"] == {("phone", "mask")}
    assert treatments["dim_customers", "age_band"] >= {("birth_date", "generalise")}
    assert treatments["customer_segments", "customer_id"] >= {("customer_id", "none")}
    with_customers = {n["name"] for n in manifest["nodes"].values() if "customer_id" in n.get("columns", {})}
    unstored = {n["name"] for n in manifest["nodes"].values() if n["config"]["materialized"] == "ephemeral"}
    assert with_customers - unstored <= {relation for relation, _ in treatments}


@pytest.mark.parametrize(
    "model, old, new",
    [
        ("dim_customers", "aged.age,", "customers.birth_date as age,"),
        ("fct_orders", "valued.channel,", "(select max(birth_date) from {customers}) as channel,"),
        ("customer_rfm", "value_groups.value_group,", "(select to_json(struct(*)) from {customers}) as value_group,"),
    ],
)
def test_what_is_planted_in_the_real_project_is_found(manifest, register, model, old, new):
    changed = json.loads(json.dumps(manifest))
    planted = changed["nodes"][f"model.precision_marketing.{model}"]
    customers = changed["nodes"]["model.precision_marketing.stg_crm__customers"]
    assert old in planted["compiled_code"]
    new = new.format(customers=f"{customers['schema']}.{customers['alias']}")
    planted["compiled_code"] = planted["compiled_code"].replace(old, new, 1)
    found = leaks(inventory(changed, register), register)
    assert any(leak.startswith(f"{model}.") and "shows crm_customers.birth_date" in leak for leak in found)


def test_no_telephone_number_address_or_member_is_published_in_any_form(rows):
    """A mask of a number is nearly the number to who has a list of them, and a partner knows its members."""
    known_to_others = {"name", "phone", "email", "id_number", "address", "member_id", "phone_hash", "anonymous_id"}
    published = {(row["relation"], row["column_name"], row["source_column"]) for row in rows if row["is_published"]}
    assert {way for way in published if way[2] in known_to_others} == set()
    assert ("fct_events", "customer_id", "customer_id") in published


def test_the_picture_in_the_docs_is_todays(compiled, capsys):
    main(["--manifest", str(compiled), "--register", REGISTER_FILE])
    page = (harness.ROOT / "docs" / "lineage.md").read_text()
    shown = re.search(r"```mermaid\n(.*?)```", page, re.DOTALL).group(1)
    assert capsys.readouterr().out == shown, "run dbt compile and python -m precision_marketing.lineage"


def test_the_table_covers_the_project_whatever_was_compiled_before_it(demo, rows):
    """In a build pii_inventory comes early: most models are not compiled yet, and it compiles them itself."""
    files = pyarrow.parquet.ParquetDataset(demo.home / "warehouse" / "marketing_quality.db" / "pii_inventory")
    key = ("relation", "column_name", "source_table", "source_column", "treatment", "path")
    assert {tuple(row[k] for k in key) for row in files.read().to_pylist()} == {
        tuple(row[k] for k in key) for row in rows
    }
