"""Variables of the project: declared, with their default and its reason, in dbt_project.yml and nowhere else."""

from __future__ import annotations

import re

import pytest
import yaml

import harness

DECLARED = yaml.safe_load((harness.ROOT / "dbt_project.yml").read_text())["vars"]
# The demo generator runs in projects that declare nothing, too.
FILES = {
    str(path.relative_to(harness.ROOT)): path.read_text()
    for folder in ("models", "macros", "tests/generic", "tests/singular")
    for path in sorted((harness.ROOT / folder).rglob("*"))
    if path.suffix in (".sql", ".yml") and path.parent.name != "demo_data"
}
VARIABLE = re.compile(r"\bvar\(\s*['\"](\w+)['\"]")
USES = [
    (file, name, default)
    for file, text in FILES.items()
    for name, default in re.findall(r"\bvar\(\s*['\"](\w+)['\"]\s*(,[^)]*)?\)", text)
]


def test_variables_are_used_as_declared() -> None:
    assert len(USES) > 50
    assert [use for use in USES if use[1] not in DECLARED] == []


def test_no_default_stands_in_two_places() -> None:
    assert [use for use in USES if use[2]] == []


@pytest.mark.parametrize("name", DECLARED)
def test_a_declared_variable_is_used(name: str) -> None:
    assert name in {used for _, used, _ in USES}


def variables_read(manifest: dict, model: dict) -> set[str]:
    """Variables in a model's code and in the project's macros that it calls, or that these call."""
    found = set(VARIABLE.findall(model["raw_code"]))
    open_, seen = list(model["depends_on"]["macros"]), set()
    while open_:
        macro = manifest["macros"][open_.pop()]
        if macro["unique_id"] not in seen and macro["package_name"] == model["package_name"]:
            seen.add(macro["unique_id"])
            found |= set(VARIABLE.findall(macro["macro_sql"]))
            open_ += macro["depends_on"]["macros"]
    return found


def test_unit_tests_hold_whatever_a_company_sets(manifest: dict) -> None:
    """A unit test fixes each variable that its model reads: its rows are right for one value only."""
    models = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    missing = {}
    for test in manifest["unit_tests"].values():
        fixed = set(((test["overrides"] or {}).get("vars") or {}).keys())
        missing[test["name"]] = sorted(variables_read(manifest, models[test["model"]]) - fixed)
    assert len(missing) > 50
    assert {name: names for name, names in missing.items() if names} == {}


def test_unit_tests_need_no_table_that_a_build_of_their_model_lacks(manifest: dict) -> None:
    """dbt asks the table for the columns of its made-up rows: it must come before the model, or be given as SQL."""
    models = {node["name"]: key for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}

    def before(key: str) -> set[str]:
        above = {key}
        while wider := {parent for node in above for parent in manifest["parent_map"].get(node, [])} - above:
            above |= wider
        return {node.rpartition(".")[2] for node in above}

    given = {
        (test["name"], re.search(r"'(\w+)'\s*\)$", rows["input"])[1]): before(models[test["model"]])
        for test in manifest["unit_tests"].values()
        for rows in test["given"]
        if rows["format"] != "sql" and rows["input"] != "this"
    }
    assert len(given) > 150
    assert [key for key, names in given.items() if key[1] not in names] == []
