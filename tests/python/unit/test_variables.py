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
