"""Normal forms of values: numbers as `-1234.5`, instants in ISO 8601, keys without what a spreadsheet adds.

A value that could mean two things means nothing by itself: the column decides, from all its values, and where it does
not the value is ambiguous. Values that have no normal form stay as they are, so that staging rejects them with a
reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo, available_timezones

KINDS = ("key", "number", "instant", "day", "text")

# Words for nothing. Those in capitals of programs mean it in every column; the others are words, too, and stay in
# texts.
NOTHING_ANYWHERE = frozenset(
    {"", r"\n", "<na>", "#n/a", "(null)", "null", "nan", "#null!", "#ref!", "nat", "(not set)"}
)
NOTHING_IN_VALUES = NOTHING_ANYWHERE | {"na", "n/a", "none", "nil", "undefined", "-", "--", "(none)", "(blank)", "?"}
BLANKS = " \t\r\n\u00a0\u2007\u2009\u202f\u3000\ufeff\u200b"

NOTHING, PLAIN, DOT, COMMA, DAY_FIRST, MONTH_FIRST, AMBIGUOUS, UNREADABLE = (
    "nothing", "plain", "decimal point", "decimal comma", "day first", "month first", "ambiguous", "unreadable",
)  # fmt: skip
# Keys: whole numbers as a program that knows only decimal numbers writes them, and keys that have decimals by right.
WHOLE_AS_DECIMAL, WITH_DECIMALS = "whole number with decimals", "decimals"
PROOFS = (DOT, COMMA, DAY_FIRST, MONTH_FIRST)
# Of each unusual class so many lines are remembered, and so many different values of a column.
SHOWN = 3
MOST_REMEMBERED = 200_000


def is_nothing(text: str, kind: str) -> bool:
    """Whether a value of a column of this kind is a word for nothing."""
    return text.strip(BLANKS).lower() in (NOTHING_ANYWHERE if kind == "text" else NOTHING_IN_VALUES)


# ------------------------------------------------------------------------------------------------------------- numbers

_CURRENCY = r"(?:[A-Z]{1,3}\$|[A-Z]{3}|R\$|[$€£¥￥₹₽₺₩₪₫฿₴]|zł|kr\.?|Kč|Ft|lei|лв\.?|руб\.?|Fr\.?|Rs\.?|元)"
_SIGNED = re.compile(
    rf"(?P<open>\()?(?P<sign>[+-])? *(?P<before>{_CURRENCY})? *(?P<inner>[+-])?(?P<digits>[0-9][0-9.,' ]*|[.,][0-9]+)"
    rf" *(?P<behind>{_CURRENCY})? *(?P<after>-)?(?P<close>\))?"
)
_EXPONENT = re.compile(r"[+-]?[0-9]+(?:[.][0-9]+)?[eE][+-]?[0-9]{1,3}")
_TRANSLATED = str.maketrans({"−": "-", "–": "-", "’": "'", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2007": " "})


def _number_parts(text: str) -> tuple[bool, str] | None:
    """Whether a number is negative, and its digits with their marks; None for what is no number."""
    found = _SIGNED.fullmatch(text.strip(BLANKS).translate(_TRANSLATED))
    if not found or bool(found["open"]) != bool(found["close"]):
        return None
    minus = [found["sign"] == "-", found["inner"] == "-", bool(found["after"]), bool(found["open"])]
    if sum(minus) > 1:
        return None
    return any(minus), found["digits"].strip()


def currency(text: str) -> str | None:
    """The sign or code of the currency that a number names, or None."""
    found = _SIGNED.fullmatch(text.strip(BLANKS).translate(_TRANSLATED))
    return (found["before"] or found["behind"]) if found else None


def number_class(text: str) -> str:
    """What a number says about the decimal mark of its column: PLAIN for none, DOT, COMMA, AMBIGUOUS or UNREADABLE."""
    if _EXPONENT.fullmatch(text.strip(BLANKS)):
        return DOT if "." in text else PLAIN
    parts = _number_parts(text)
    if parts is None:
        return UNREADABLE
    digits = parts[1]
    if digits.isdigit():
        return PLAIN
    readings = [mark for mark in ".," if _with_decimal(digits, mark) is not None]
    if not readings:
        return UNREADABLE
    if len(readings) == 1:
        return DOT if readings[0] == "." else COMMA
    values = {_with_decimal(digits, mark) for mark in readings}
    return PLAIN if len(values) == 1 else AMBIGUOUS


def _with_decimal(digits: str, mark: str) -> str | None:
    """The digits as a plain number where `mark` is the decimal mark, or None where they cannot be meant so."""
    whole, found, fraction = digits.partition(mark)
    if found and (not fraction.isdigit() and fraction or mark in fraction or not fraction and not whole):
        return None
    groups = re.split(r"[.,' ]", whole)
    used = set(re.findall(r"[.,' ]", whole))
    if len(used) > 1 or mark in used:
        return None
    if len(groups) > 1:
        western = len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])
        indian = (
            used == {","} and len(groups[0]) <= 2 and len(groups[-1]) == 3 and all(len(g) == 2 for g in groups[1:-1])
        )
        if not groups[0] or groups[0].startswith("0") or not (western or indian):
            return None
    plain = "".join(groups) or "0"
    return f"{plain}.{fraction}" if fraction else plain


def number(text: str, decimal: str | None) -> str | None:
    """A number in its normal form, or None. decimal: the column's decimal mark, None where values have to prove it."""
    stripped = text.strip(BLANKS)
    if _EXPONENT.fullmatch(stripped):
        try:
            return format(Decimal(stripped), "f") if decimal != "," or "." not in stripped else None
        except InvalidOperation:
            return None
    parts = _number_parts(text)
    if parts is None:
        return None
    minus, digits = parts
    marks = [decimal] if decimal else [".", ","]
    values = {value for value in (_with_decimal(digits, mark) for mark in marks) if value is not None}
    if len(values) != 1:
        return None
    value = values.pop()
    return f"-{value}" if minus and value.strip("0.") else value


# ------------------------------------------------------------------------------------------------------------ instants

_TIME = (
    r"(?:[T ,]+(?P<time>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?) ?(?P<half>[AaPp]\.?[Mm](?![A-Za-z])\.?)?)?"
)
_ZONE = r" *(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?|\[?[A-Za-z_]+(?:/[A-Za-z_+\-0-9]+)*\]?(?:[+-][0-9]{1,2})?)?"
_ISO = re.compile(r"(?P<year>[0-9]{4})[-/.年](?P<month>[0-9]{1,2})[-/.月](?P<day>[0-9]{1,2})日?" + _TIME + _ZONE)
_COMPACT = re.compile(r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})" + _TIME + _ZONE)
_YEAR = r"(?P<year>[0-9]{4}|[0-9]{2})"
_PARTS = re.compile(r"(?P<first>[0-9]{1,2})(?P<mark>[/.\-])(?P<second>[0-9]{1,2})(?P=mark)" + _YEAR + _TIME + _ZONE)
_NAMED = re.compile(
    r"(?:(?P<day>[0-9]{1,2})[ \-.]+(?P<name>[A-Za-z]{3,9})\.?"
    r"|(?P<name2>[A-Za-z]{3,9})\.? +(?P<day2>[0-9]{1,2})(?:st|nd|rd|th)?),?[ \-]+" + _YEAR + _TIME + _ZONE
)
_EPOCH = re.compile(r"[0-9]{10}(?:[0-9]{3}|[0-9]{6}|[0-9]{9})?(?:[.][0-9]+)?")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
# POSIX's rule for years of two digits.
_PIVOT = 69
_ZONES = available_timezones()
# Short names of zones mean several (CST is Chicago's and Shanghai's). These mean one.
ZONE_WORDS: Mapping[str, str] = {"utc": "UTC", "gmt": "UTC", "z": "UTC", "zulu": "UTC"}


def _match(text: str) -> re.Match[str] | None:
    stripped = text.strip(BLANKS)
    return next((m for form in (_ISO, _PARTS, _NAMED, _COMPACT) if (m := form.fullmatch(stripped))), None)


def instant_class(text: str) -> str:
    """What a date says about the order of its column: PLAIN, DAY_FIRST, MONTH_FIRST, AMBIGUOUS or UNREADABLE."""
    if _EPOCH.fullmatch(text.strip(BLANKS)):
        return PLAIN
    found = _match(text)
    if found is None:
        return UNREADABLE
    zone = found["zone"]
    if zone and not (found["time"] and _zone(zone.strip("[]"))):
        return UNREADABLE
    if found.re is not _PARTS:
        return PLAIN if _datetime(found, None) else UNREADABLE
    days = {order: _datetime(found, order) for order in (DAY_FIRST, MONTH_FIRST)}
    if found["mark"] == ".":  # written in countries that put the day first
        return DAY_FIRST if days[DAY_FIRST] else UNREADABLE
    readable = [order for order, day in days.items() if day]
    if len(readable) == 2:
        return PLAIN if days[DAY_FIRST] == days[MONTH_FIRST] else AMBIGUOUS
    return readable[0] if readable else UNREADABLE


def _datetime(found: re.Match[str], order: str | None) -> datetime | None:
    """The date and time as written, without zone; None for one that does not exist."""
    parts = found.groupdict()
    if found.re is _PARTS:
        first, second = int(parts["first"]), int(parts["second"])
        day, month = (first, second) if order == DAY_FIRST else (second, first)
    elif found.re is _NAMED:
        name = (parts["name"] or parts["name2"]).lower()
        if name[:3] not in _MONTHS:
            return None
        day, month = int(parts["day"] or parts["day2"]), _MONTHS.index(name[:3]) + 1
    else:
        day, month = int(parts["day"]), int(parts["month"])
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += 1900 if year >= _PIVOT else 2000
    hour = minute = 0
    second_text = "0"
    if parts["time"]:
        hour_text, minute_text, *seconds = parts["time"].split(":")
        hour, minute, second_text = int(hour_text), int(minute_text), seconds[0].replace(",", ".") if seconds else "0"
        if parts["half"]:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if parts["half"].lower().startswith("p") else 0)
    whole, _, fraction = second_text.partition(".")
    try:
        return datetime(year, month, day, hour, minute, int(whole), int(f"{fraction:0<6}"[:6] or 0))
    except ValueError:
        return None


def instant(text: str, order: str | None, zone: str | None) -> str | None:
    """An instant in its normal form, or None.

    order: DAY_FIRST or MONTH_FIRST, None where values have to prove it. zone: name of the time zone of instants
    without one; with it they end in Z, without it they stay local. A time that a clock skipped is moved on by the
    gap; one that it showed twice is the first.
    """
    stripped = text.strip(BLANKS)
    if _EPOCH.fullmatch(stripped):
        digits, _, fraction = stripped.partition(".")
        unit = 10 ** (len(digits) - 10)
        microseconds = int((Decimal(f"{digits}.{fraction or 0}") / unit) * 1_000_000)
        return _written(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds), True)
    found = _match(stripped)
    if found is None:
        return None
    if found.re is _PARTS:
        proven = instant_class(stripped)
        if proven == AMBIGUOUS and order is None or proven == UNREADABLE:
            return None
        order = DAY_FIRST if found["mark"] == "." else proven if order is None else order
    value = _datetime(found, order)
    if value is None:
        return None
    named = found["zone"]
    if named:
        offset = _zone(named.strip("[]"))
        return _written(value.replace(tzinfo=offset).astimezone(UTC), True) if offset and found["time"] else None
    if zone and found["time"]:
        return _written(value.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC), True)
    return _written(value, bool(found["time"]))


def _zone(name: str) -> timezone | ZoneInfo | None:
    if (known := ZONE_WORDS.get(name.lower())) is not None:
        return ZoneInfo(known)
    offset = re.fullmatch(r"(?:UTC|GMT)?([+-])([0-9]{1,2})(?::?([0-9]{2}))?", name)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes > 14 * 60:
            return None
        return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    return ZoneInfo(name) if "/" in name and name in _ZONES else None


def _written(value: datetime, timed: bool) -> str:
    if not timed:
        return value.strftime("%Y-%m-%d")
    text = value.replace(tzinfo=None).isoformat(sep=" " if value.tzinfo is None else "T")
    return text + ("Z" if value.tzinfo else "")


# -------------------------------------------------------------------------------------------------------------- columns


@dataclass
class Evidence:
    """What the values of a column say: how many of each class, and some lines with one."""

    kind: str
    counts: Counter[str] = field(default_factory=Counter)
    currencies: Counter[str] = field(default_factory=Counter)
    lines: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    _classes: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def class_of(self, text: str) -> str:
        """The class of a value; each is judged once, as long as there are not too many."""
        found = self._classes.get(text)
        if found is None:
            if len(self._classes) >= MOST_REMEMBERED:
                self._classes.clear()
            found = self._classes[text] = class_of(text, self.kind)
        return found

    def add(self, text: str, line: int, count: int = 1) -> None:
        """Count a value, seen first in `line`, `count` times."""
        kind = self.class_of(text)
        self.counts[kind] += count
        if self.kind == "number" and (sign := currency(text)):
            self.currencies[sign] += count
        if kind not in (NOTHING, PLAIN) and len(self.lines.setdefault(kind, [])) < SHOWN:
            self.lines[kind].append((line, text))

    def merge(self, other: Evidence) -> None:
        """Add what another part of the column says."""
        self.counts.update(other.counts)
        self.currencies.update(other.currencies)
        for kind, lines in other.lines.items():
            self.lines[kind] = (self.lines.get(kind, []) + lines)[:SHOWN]

    @property
    def decision(self) -> str | None:
        """The one convention that all proofs agree on, or None. Keys lose `.0` unless others of them have decimals."""
        if self.kind == "key":
            return WHOLE_AS_DECIMAL if self.counts[WHOLE_AS_DECIMAL] and not self.counts[WITH_DECIMALS] else None
        proven = [kind for kind in PROOFS if self.counts[kind]]
        return proven[0] if len(proven) == 1 else None

    def unreadable(self, stated: str | None = None) -> int:
        """How many values have no normal form: ambiguous ones unless something decides, and those against what is
        stated."""
        against = {DOT: COMMA, COMMA: DOT, DAY_FIRST: MONTH_FIRST, MONTH_FIRST: DAY_FIRST}
        wrong = self.counts[against[stated]] if stated in against else 0
        undecided = 0 if stated or self.decision else self.counts[AMBIGUOUS]
        return self.counts[UNREADABLE] + undecided + wrong


_WHOLE_AS_DECIMAL = re.compile(r"[+-]?[0-9]+[.]0+|[0-9][.][0-9]+E[+]?[0-9]{1,2}")
# A spreadsheet shows six digits of a long number and keeps no more in the file.
_CUT_KEY = re.compile(r"[0-9][.,][0-9]{5}E[+][0-9]{2}")


def class_of(text: str, kind: str) -> str:
    """The class of a value in a column of this kind."""
    if is_nothing(text, kind):
        return NOTHING
    if kind == "number":
        return number_class(text)
    if kind in ("instant", "day"):
        return instant_class(text)
    if kind == "key":
        stripped = text.strip(BLANKS)
        if _CUT_KEY.fullmatch(stripped):
            return UNREADABLE
        if _WHOLE_AS_DECIMAL.fullmatch(stripped) and Decimal(stripped) == Decimal(stripped).to_integral_value():
            return WHOLE_AS_DECIMAL
        return WITH_DECIMALS if re.fullmatch(r"[0-9]+[.][0-9]+", stripped) else PLAIN
    return PLAIN


def normal(text: str, kind: str, decision: str | None = None, zone: str | None = None) -> str | None:
    """A value as the raw table gets it: None for nothing, its normal form, else the text itself, which staging rejects.

    decision: the column's convention, one of PROOFS or WHOLE_AS_DECIMAL. A value that is ambiguous, or against the
    convention, is marked as such: read without its column it would look like a good one.
    """
    if is_nothing(text, kind):
        return None
    stripped = text.strip(BLANKS)
    if kind == "text":
        return stripped
    if kind == "key":
        whole = decision == WHOLE_AS_DECIMAL and class_of(stripped, kind) == WHOLE_AS_DECIMAL
        if not whole:
            return stripped
        return format(Decimal(stripped).to_integral_value(), "f") if "E" in stripped else stripped.partition(".")[0]
    if kind == "number":
        value = number(stripped, {DOT: ".", COMMA: ","}.get(decision or ""))
    else:
        value = instant(stripped, decision, zone if kind == "instant" else None)
    if value is not None:
        return value
    kind_found = class_of(stripped, kind)
    return (
        stripped
        if kind_found in (UNREADABLE, PLAIN)
        else f"{AMBIGUOUS if kind_found == AMBIGUOUS else 'not ' + (decision or '')}: {stripped}"
    )
