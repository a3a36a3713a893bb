"""Mappings: which files a company has, what their columns are, and which expression fills which column of a raw
table."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import yaml

from precision_marketing.loading import forms
from precision_marketing.loading.dialects import plain_name

PRESETS = Path(__file__).with_name("presets")
DECISIONS = {
    "decimal": {".": forms.DOT, ",": forms.COMMA},
    "date_order": {"dmy": forms.DAY_FIRST, "mdy": forms.MONTH_FIRST},
}


class MappingError(Exception):
    """A mapping that cannot be used; the message says where and why."""


@dataclass(frozen=True)
class Column:
    """A column of a file: its kind (forms.KINDS), other names that it may have, and what is not to be detected.

    decimal: `.` or `,`. date_order: `dmy` or `mdy`. time_zone: of instants that name none. optional: a file may lack
    it.
    """

    name: str
    kind: str = "text"
    also: tuple[str, ...] = ()
    optional: bool = False
    decimal: str | None = None
    date_order: str | None = None
    time_zone: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name it may have in a file."""
        return (self.name, *self.also)

    @property
    def stated(self) -> str | None:
        """The convention that the mapping states, one of forms.PROOFS, or None."""
        if self.kind == "number" and self.decimal:
            return DECISIONS["decimal"][self.decimal]
        if self.kind in ("instant", "day") and self.date_order:
            return DECISIONS["date_order"][self.date_order]
        return None


@dataclass(frozen=True)
class Input:
    """Files of one layout. path: a file, folder or glob, below the folder that the command names. dialect: what is
    stated of it."""

    name: str
    path: str
    columns: tuple[Column, ...]
    dialect: Dictionary[str, Any] = field(default_factory=dict)
    optional: bool = False
    header: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Part:
    """Rows for one raw table: a query's `from` and what follows it, and the expression for each column."""

    rows: str
    columns: Dictionary[str, str]
    order_namespace: str | None = None


@dataclass(frozen=True)
class Mapping:
    """A whole mapping. views: queries by name, each may use inputs and the views before it. tables: parts by raw
    table."""

    name: str
    inputs: tuple[Input, ...]
    views: Dictionary[str, str]
    tables: Dictionary[str, tuple[Part, ...]]
    time_zone: str | None = None
    description: str = ""


def read(name: str) -> Mapping:
    """A mapping from a YAML file, or a preset by its name. Raises MappingError."""
    path = Path(name)
    if not path.is_file():
        path = PRESETS / f"{name}.yml"
    if not path.is_file():
        known = ", ".join(presets())
        raise MappingError(f"{name} is neither a file nor a preset; presets are {known}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MappingError(f"{path.name} is no YAML: {error}") from None
    return parse(content, path.stem)


def presets() -> list[str]:
    """Names of the presets."""
    return sorted(path.stem for path in PRESETS.glob("*.yml"))


def parse(content: Any, name: str) -> Mapping:
    """A mapping from what its YAML holds. Raises MappingError."""
    top = _only(content, name, ["description", "source", "time_zone", "files", "views", "tables"])
    for required in ("files", "tables"):
        if not top.get(required):
            raise MappingError(f"{name} has no {required}")
    time_zone = _zone(top.get("time_zone"), name)
    inputs = tuple(_input(key, value) for key, value in _entries(top["files"], "files"))
    views = {_name(key, "views"): str(value) for key, value in _entries(top.get("views") or {}, "views")}
    clash = {each.name for each in inputs} & views.keys()
    if clash:
        raise MappingError(f"{', '.join(sorted(clash))} names files and a view")
    tables = {
        key: tuple(_part(part, f"tables.{key}") for part in (value if isinstance(value, list) else [value]))
        for key, value in _entries(top["tables"], "tables")
    }
    return Mapping(name, inputs, views, tables, time_zone, str(top.get("description") or ""))


def _entries(value: Any, where: str) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise MappingError(f"{where} is no mapping of names")
    return [(str(key), each) for key, each in value.items()]


def _only(value: Any, where: str, known: list[str]) -> dict[str, Any]:
    """The entries of a YAML mapping, which may have these keys alone."""
    entries = dict(_entries(value, where))
    for key in entries:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            raise MappingError(
                f"{where} has no setting {key!r}" + (f"; {near[0]!r}?" if near else f"; known: {', '.join(known)}")
            )
    return entries


def _name(name: str, where: str) -> str:
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):
        raise MappingError(f"{where}.{name}: such a name is of letters, digits and _")
    return name


def _zone(name: Any, where: str) -> str | None:
    if name is not None and name not in available_timezones():
        raise MappingError(f"{where}: {name!r} is no time zone, such as Europe/London or UTC")
    return name


def _input(name: str, value: Any) -> Input:
    where = f"files.{name}"
    entries = _only(value, where, ["path", "columns", "dialect", "optional", "header"])
    _name(name, "files")
    known = ["encoding", "separator", "quote", "escape", "decimal", "date_order", "time_zone"]
    stated = _only(entries.get("dialect") or {}, f"{where}.dialect", known)
    given = {key: stated.pop(key) for key in ("decimal", "date_order", "time_zone") if key in stated}
    columns = tuple(
        _column(key, column or {}, where, given) for key, column in _entries(entries.get("columns"), f"{where}.columns")
    )
    seen: dict[str, str] = {}
    for column in columns:
        for each in column.names:
            other = seen.setdefault(plain_name(each), column.name)
            if other != column.name:
                raise MappingError(f"{where}: {each!r} names {other} and {column.name}")
    header = entries.get("header")
    if header is not None and not (isinstance(header, list) and header):
        raise MappingError(f"{where}.header lists the columns of a file without a header, in order")
    if len(str(stated.get("separator") or ",")) != 1:
        raise MappingError(f"{where}.dialect.separator is one character")
    return Input(
        name, str(entries.get("path") or "*"), columns, stated, bool(entries.get("optional")),
        tuple(str(each) for each in header) if header else None,
    )  # fmt: skip


def _column(name: str, value: Any, where: str, given: dict[str, Any]) -> Column:
    place = f"{where}.columns.{name}"
    if "`" in name:
        raise MappingError(f"{place}: a column's name has no `; give the file's name for it in `also`")
    if isinstance(value, str):
        value = {"kind": value}
    entries = {**given, **_only(value, place, [each.name for each in fields(Column) if each.name != "name"])}
    kind = entries.get("kind", "text")
    if kind not in forms.KINDS:
        raise MappingError(f"{place}: {kind!r} is no kind; kinds are {', '.join(forms.KINDS)}")
    for key, known in DECISIONS.items():
        if entries.get(key) is not None and entries[key] not in known:
            raise MappingError(f"{place}: {key} is one of {', '.join(known)}")
    also = entries.get("also") or []
    return Column(
        name, kind, tuple([also] if isinstance(also, str) else map(str, also)), bool(entries.get("optional")),
        entries.get("decimal"), entries.get("date_order"), _zone(entries.get("time_zone"), place),
    )  # fmt: skip


def _part(value: Any, where: str) -> Part:
    entries = _only(value, where, ["from", "columns", "order_namespace"])
    if not entries.get("from"):
        raise MappingError(f"{where} has no `from`")
    columns = {key: str(expression) for key, expression in _entries(entries.get("columns"), f"{where}.columns")}
    namespace = entries.get("order_namespace")
    return Part(str(entries["from"]), columns, None if namespace is None else str(namespace))


def in_header(columns: tuple[Column, ...], header: list[str], file: str) -> list[int | None]:
    """Where each column stands in a file's header; None for an optional one that it lacks.

    The exact name counts first, then the name without case, blanks and punctuation. Raises MappingError for missing
    columns and for two that could be meant.
    """
    places: list[int | None] = []
    missing = []
    for column in columns:
        exact = [place for place, name in enumerate(header) if name in column.names]
        wanted = {plain_name(name) for name in column.names}
        found = exact or [place for place, name in enumerate(header) if plain_name(name) in wanted]
        if len(found) > 1:
            names = " and ".join(repr(header[place]) for place in found)
            raise MappingError(f"{file}: {names} could both be {column.name}")
        if not found and not column.optional:
            missing.append(" or ".join(column.names))
        places.append(found[0] if found else None)
    if missing:
        raise MappingError(f"{file} lacks columns: {', '.join(missing)}. Its header is: {', '.join(header)}")
    return places
