"""Which columns of a model its published view has."""

from __future__ import annotations

import re
from types import SimpleNamespace

import jinja2
import pytest

import harness

SOURCE = (harness.ROOT / "macros" / "publishing" / "version_relations.sql").read_text()
MACRO = re.search(r"{% macro published_columns.*?endmacro %}", SOURCE, re.DOTALL)


def shown(columns: dict[str, dict], version: list[str] | None = None, contract: bool = True) -> str:
    """What the macro says of a model with ``columns`` and the meta of each, of a ``version`` that has others."""
    said: list[str] = []
    adapter = SimpleNamespace(get_columns_in_relation=lambda names: [SimpleNamespace(name=name) for name in names])
    names = {"return": said.append, "adapter": adapter}
    assert MACRO
    macro = jinja2.Environment(extensions=["jinja2.ext.do"]).from_string(MACRO[0]).make_module(names)
    described = {name: {"name": name, "config": {"meta": meta}} for name, meta in columns.items()}
    macro.published_columns({"columns": described, "config": {"contract": {"enforced": contract}}}, version)  # type: ignore[attr-defined]
    return said[0]


@pytest.mark.parametrize(
    "columns, version, expected",
    [
        ({"a": {}, "b": {"level": "L2"}}, None, "*"),
        ({"a": {}, "b": {"published": False}, "c": {"published": True}}, None, "a, c"),
        ({"a": {}, "b": {}}, ["a", "b"], "*"),
        ({"a": {}, "b": {}}, ["a", "withdrawn", "b"], "a, b"),
        ({"a": {}, "b": {}, "new": {}}, ["a", "withdrawn"], "a"),
        ({"a": {}, "b": {"published": False}}, ["a", "b"], "a"),
    ],
)
def test_what_is_withheld_or_was_withdrawn_is_not_shown(
    columns: dict, version: list[str] | None, expected: str
) -> None:
    assert shown(columns, version) == expected


def test_a_model_without_a_contract_shows_all_that_its_version_has() -> None:
    assert shown({}, ["a", "b"], contract=False) == "*"
