"""The variables of the project: what each may be, and one line on each that is something else.

The rules are data, ``variables.yml`` beside this file. A rule is a mapping with ``kind`` and, by kind, what is allowed:

    name           of a database or table: letters, digits and underscores, no digit first
    boolean        true or false
    whole number   from, to
    number         from, to, above, below; finite
    text           not empty, one line, at most 200 characters
    word           words: one of them
    date           a real day, 'yyyy-mm-dd', 1900 to 2099
    day            a real day of each year, 'mm-dd', or a date
    time zone      a name of the IANA data base or an offset such as +08:00
    currency       a code of three letters
    cut points     a mapping from some of recency_days, frequency and monetary to four rising numbers or null
    list           of: the rule of its members, none of which comes twice

``optional: true`` allows null as well.
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import math
import re
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

PROJECT = "precision_marketing"
RFM = ("recency_days", "frequency", "monetary")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
OFFSET = re.compile("[+-](0[0-9]|1[0-7]):[0-5][0-9]|[+-]18:00")
# Files in folders of the data base that name no zone of it.
NO_ZONES = {"Factory", "localtime"}
SHOWN = 100  # characters of a wrong value
ALIKE = 0.8  # how much two names resemble each other if one is a slip of the other, as difflib counts

Rule = Mapping[str, Any]


class VariableError(Exception):
    """A variable has a value that it may not have, or a name that no variable has; one line for each."""


@functools.cache
def rules() -> dict[str, Rule]:
    """The rule of each variable, by its name."""
    return yaml.safe_load(Path(__file__).with_name("variables.yml").read_text(encoding="utf-8"))


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_date(text: str) -> bool:
    """Whether a text is a real day, 'yyyy-mm-dd', of the years 1900 to 2099."""
    try:
        return bool(re.fullmatch(r"(19|20)\d\d-\d\d-\d\d", text, re.ASCII)) and bool(dt.date.fromisoformat(text))
    except ValueError:
        return False


def is_allowed(value: Any, rule: Rule) -> bool:
    """Whether a variable of this rule may have ``value``, as YAML gives it."""
    if value is None:
        return bool(rule.get("optional"))
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = value.isoformat()  # YAML makes a date of 2025-03-31 without quotes
    text = value if isinstance(value, str) else ""
    match rule["kind"]:
        case "name":
            return NAME.fullmatch(text) is not None
        case "boolean":
            return isinstance(value, bool)
        case "whole number":
            return isinstance(value, int) and is_number(value) and is_in_range(value, rule)
        case "number":
            return is_number(value) and is_in_range(value, rule)
        case "text":
            return 0 < len(text) <= 200 and text.isprintable() and text.strip() == text
        case "word":
            return text in rule["words"]
        case "date":
            return is_date(text)
        case "day":
            return is_date(text) or is_date("2000-" + text)
        case "time zone":
            return text in zoneinfo.available_timezones() - NO_ZONES or OFFSET.fullmatch(text) is not None
        case "currency":
            return re.fullmatch("[A-Za-z]{3}", text) is not None
        case "cut points":
            return isinstance(value, dict) and set(value) <= set(RFM) and all(map(are_cut_points, value.values()))
        case "list":
            return (
                isinstance(value, list)
                and all(is_allowed(member, rule["of"]) for member in value)
                and len({str(member) for member in value}) == len(value)
            )
        case kind:
            raise ValueError(f"there is no kind of variable called {kind!r}")


def is_in_range(value: float, rule: Rule) -> bool:
    """Whether a number is within a rule's from, to, above and below."""
    return (
        rule.get("from", -math.inf) <= value <= rule.get("to", math.inf)
        and rule.get("above", -math.inf) < value < rule.get("below", math.inf)
    )  # fmt: skip


def are_cut_points(points: Any) -> bool:
    """Whether these are four rising numbers, or null."""
    return points is None or (
        isinstance(points, list)
        and len(points) == 4
        and all(map(is_number, points))
        and all(lower < upper for lower, upper in zip(points, points[1:], strict=False))
    )


def what_is_allowed(rule: Rule, plural: bool = False) -> str:
    """A rule in words, such as "a whole number from 0 to 3650"."""
    bounds = "".join(f" {word} {rule[word]}" for word in ("above", "from", "below", "to") if word in rule)
    if plural:
        named = {
            "word": "words among " + ", ".join(rule.get("words", ())),
            "text": "texts",
            "day": "days, 'mm-dd' or 'yyyy-mm-dd'",
            "name": "names of raw tables",
        }[rule["kind"]]
    else:
        named = {
            "name": "a name of letters, digits and underscores that begins with no digit",
            "boolean": "true or false",
            "whole number": "a whole number" + bounds,
            "number": "a number" + bounds,
            "text": "a text of one line, 1 to 200 characters, without blanks around it",
            "word": "one of " + ", ".join(rule.get("words", ())),
            "date": "a day 'yyyy-mm-dd' from 1900 to 2099",
            "time zone": "a zone such as Europe/London or +08:00",
            "currency": "a code of three letters such as EUR",
            "cut points": "a mapping from some of recency_days, frequency and monetary to four rising numbers or null",
            "list": "a list of different " + what_is_allowed(rule["of"], plural=True) if "of" in rule else "",
        }[rule["kind"]]
    return named + (", or null" if rule.get("optional") else "")


def shown(value: Any) -> str:
    """A value as one short line."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def require(name: str, value: Any) -> None:
    """Raise VariableError, in one line, unless the variable ``name`` may have ``value``."""
    rule = rules()[name]
    if not is_allowed(value, rule):
        raise VariableError(f"variable {name} is {shown(value)}; allowed is {what_is_allowed(rule)}")


def declared(project: Path) -> dict[str, Any]:
    """The variables in the dbt_project.yml of the folder ``project``: those of all, overruled by the project's own."""
    given = (yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8")) or {}).get("vars") or {}
    own = given.get(PROJECT)
    return {**given, **own} if isinstance(own, dict) else dict(given)


def check(in_project: Mapping[str, Any], on_command_line: Mapping[str, Any]) -> None:
    """Raise VariableError for wrong values, and for names that no variable has.

    in_project: what ``declared`` found. A further name there is a variable of the company's own, unless it nearly is
    one of the rules'. on_command_line: ``--vars``. A name there must have a rule or be declared in the project.
    """
    problems = []
    for name in in_project:
        if name not in rules() and name != PROJECT and nearest(name):
            problems.append(
                f"dbt_project.yml sets a variable {name}, which nothing reads: do you mean {nearest(name)}?"
            )
    known = {*rules(), *in_project}
    for name in on_command_line:
        if name not in known:
            meant = f": do you mean {nearest(name)}?" if nearest(name) else ""
            problems.append(f"--vars sets a variable {name}, which this project does not have{meant}")
    for name, value in {**in_project, **on_command_line}.items():
        if name in rules():
            try:
                require(name, value)
            except VariableError as error:
                problems.append(str(error))
    if problems:
        raise VariableError("\n".join(problems))


def nearest(name: str) -> str | None:
    """The variable that a wrong name most likely means, if there is one."""
    found = difflib.get_close_matches(str(name).lower(), rules(), n=1, cutoff=ALIKE)
    return found[0] if found else None
