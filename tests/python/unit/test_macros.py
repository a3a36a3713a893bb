"""Macros that need no warehouse, with stand-ins for what would ask one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from macros import macro


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("Europe/London", "'Europe/London'"),
        ("men's", r"'men\'s'"),
        ("back\\slash", r"'back\\slash'"),
        ("\\' or 1 = 1 --", r"'\\\' or 1 = 1 --'"),
        (7, "'7'"),
    ],
)
def test_a_text_stays_within_its_literal(value: object, literal: str) -> None:
    assert macro("inputs/literals.sql", "text_literal")(value) == literal


class CompilationError(Exception):
    pass


def refuse(message: str) -> None:
    raise CompilationError(message)


def require_raw_databases(wanted: list[str], existing: list[str], similar: list[str], given: str = "rwa") -> str:
    column = SimpleNamespace(values=lambda: existing)
    return macro(
        "sources/raw_databases.sql", "require_raw_databases",
        run_query=lambda sql: SimpleNamespace(columns=[column]), raw_databases=lambda: wanted,
        similar_names=lambda name, names: similar, var={"raw_database": given}.__getitem__,
        exceptions=SimpleNamespace(raise_compiler_error=refuse),
    )()  # fmt: skip


def test_a_raw_database_that_nobody_made_is_an_error() -> None:
    with pytest.raises(CompilationError, match="'rwa' does not exist: correct raw_database [(]do you mean raw[?][)]"):
        require_raw_databases(["rwa"], ["default", "Raw"], ["raw"])
    with pytest.raises(CompilationError, match="'rwa' does not exist: correct raw_database, or make it: "):
        require_raw_databases(["rwa"], [], [])
    with pytest.raises(CompilationError, match="'erp' does not exist: correct the schema of its source, or"):
        require_raw_databases(["raw", "erp"], ["raw"], [], "raw")
    assert require_raw_databases(["raw"], ["default", "RAW"], [], "Raw").strip() == ""
