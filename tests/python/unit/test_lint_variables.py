"""A text of a variable comes into SQL by `text_literal` alone: no apostrophe can end it and go on as SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator

import jinja2
import pytest
from dbt_common.clients.jinja import get_environment
from jinja2 import nodes

import harness
from precision_marketing.project import variables

TEXTS = {"name", "text", "word", "date", "day", "time zone", "currency", "list"}
# By what a text becomes a literal, or is refused where it is no name.
SAFE = {"text_literal", "demo_raw_name"}
# What is given a text and makes no SQL of it.
HARMLESS = {"api.Relation.create", "require_known_sources", "require_known_zone"}
FILES = [
    path
    for folder in ("macros", "models", "tests/generic", "tests/singular", "analyses")
    for path in sorted((harness.ROOT / folder).rglob("*.sql"))
]
YAML = sorted((harness.ROOT / "models").rglob("*.yml"))


def is_text(name: str) -> bool:
    """Whether a variable holds texts; one that has no rule may."""
    return variables.rules().get(name, {"kind": "text"})["kind"] in TEXTS


def called(node: nodes.Call) -> str:
    """The name of what is called: text_literal, api.Relation.create."""
    names, of = [], node.node
    while isinstance(of, nodes.Getattr):
        names.append(of.attr)
        of = of.node
    names.append(of.name if isinstance(of, nodes.Name) else "")
    return ".".join(reversed(names))


def pasted(node: nodes.Node) -> Iterator[tuple[int, str]]:
    """Line and name of each variable with a text, below ``node``, whose text goes on as it is."""
    if isinstance(node, (nodes.Compare, nodes.Test, nodes.Not)):
        return  # true or false
    if isinstance(node, nodes.Call):
        if called(node) in SAFE | HARMLESS:
            return
        if called(node) == "var":
            name = node.args[0]
            if not isinstance(name, nodes.Const) or is_text(name.value):
                yield node.lineno, name.value if isinstance(name, nodes.Const) else "?"
    children = node.iter_child_nodes()
    if isinstance(node, (nodes.If, nodes.CondExpr)):
        children = (child for child in children if child is not node.test)
    if isinstance(node, nodes.Getitem):
        children = iter([node.node])  # what is looked up by the text is the project's own
    for child in children:
        yield from pasted(child)


def found_in(text: str) -> list[tuple[int, str]]:
    """What ``pasted`` finds in a file of SQL."""
    environment: jinja2.Environment = get_environment(None, capture_macros=False)
    return list(pasted(environment.parse(text)))


def test_no_text_of_a_variable_is_pasted_into_sql() -> None:
    assert len(FILES) > 200
    found = {str(path.relative_to(harness.ROOT)): found_in(path.read_text(encoding="utf-8")) for path in FILES}
    assert {path: places for path, places in found.items() if places} == {}


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select '{{ var(\"business_timezone\") }}'", ["business_timezone"]),
        ("{% set day = \"date '\" ~ var('as_of_date') ~ \"'\" %}", ["as_of_date"]),
        ("{% macro x(day=var('earliest_date')) %}{{ day }}{% endmacro %}", ["earliest_date"]),
        ("{{ var('experiment_control') | upper }}", ["experiment_control"]),
        ("{% if var('as_of_date') %}{{ var('as_of_date') }}{% endif %}", ["as_of_date"]),
        ("{% for day in var('sales_days') %}'{{ day }}'{% endfor %}", ["sales_days"]),
        ("{{ var(name) }}", ["?"]),
        ("{{ var('of_nobody') }}", ["of_nobody"]),
        ("{{ var('churn_days') }} {% if var('as_of_date') %}1{% endif %}", []),
        ("{{ text_literal(var('reporting_currency') | upper) }}", []),
        ("{{ {'net': 1}[var('value_basis')] }} {{ 0 if var('value_basis') == 'gross' else 1 }}", []),
    ],
)
def test_what_is_found(sql: str, names: list[str]) -> None:
    assert [name for _, name in found_in(sql)] == names


def test_in_yaml_a_text_of_a_variable_is_a_whole_value() -> None:
    """So it is given to a source as its database or to a Python model, and is no part of an expression of SQL."""
    lines = [line for path in YAML for line in path.read_text(encoding="utf-8").splitlines()]
    uses = [line for line in lines for name in re.findall(r"\{\{[^}]*\bvar\(\s*['\"](\w+)", line) if is_text(name)]
    assert len(uses) > 10
    value = re.compile(r"\s*(- )?\w+: \"\{\{ var\('\w+'\)( \| (as_text|join\(' '\)))? \}\}\"")
    assert [line for line in uses if not value.fullmatch(line)] == []
