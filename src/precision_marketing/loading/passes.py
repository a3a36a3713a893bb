"""The two passes over the records of a file: one that judges them, one that brings them into normal form.

They run on executors, which have pandas but not this package; it is sent along.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, BinaryIO

from precision_marketing.loading import files, forms
from precision_marketing.loading.records import BLANK, HEADER, Account, Dialect, Record, read

BATCH = 20_000
SHOWN = 10
# A text longer than this holds, more likely than not, what belongs to other rows.
LONG_TEXT = 2_000
# A doubled quote, or one at an edge that is no sign for inches.
_LOST_QUOTE = re.compile(r'""|^"[^"]*$|^[^"]*[^0-9"]"$')


@dataclass(frozen=True)
class Layout:
    """How to read one file: its dialect, number of fields, and for each column its name, kind, place and time zone.

    decisions: the convention of each column, found by the first pass or stated.
    """

    dialect: Dialect
    width: int
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    places: tuple[int | None, ...]
    zones: tuple[str | None, ...]
    decisions: tuple[str | None, ...] = ()


@dataclass
class Profile:
    """What the first pass found in a file: the account of its lines, evidence by column, lines to look at with the
    reason."""

    account: Account = field(default_factory=Account)
    columns: list[forms.Evidence] = field(default_factory=list)
    refused: list[tuple[int, str, str]] = field(default_factory=list)
    suspicious: list[tuple[int, str, str]] = field(default_factory=list)


def profile(raw: BinaryIO, layout: Layout) -> Profile:
    """Judge all records of a file. Raises files.UnreadableFile."""
    found = Profile(columns=[forms.Evidence(kind) for kind in layout.kinds])

    def counted() -> Iterator[Record]:
        account = found.account
        for record in read(files.opened(raw), layout.dialect, layout.width):
            account.count(record)
            if record.reason is None:
                yield record
            elif record.reason not in (BLANK, HEADER) and len(found.refused) < SHOWN:
                found.refused.append((record.line, record.reason, record.text[:200]))

    records = counted()
    while batch := list(islice(records, BATCH)):
        lines = [record.line for record in batch]
        values = list(zip(*(record.fields for record in batch if record.fields is not None), strict=True))
        for place, column, name in zip(layout.places, found.columns, layout.names, strict=True):
            if place is not None:
                _judge(values[place], lines, column, name, found)
    return found


def _judge(values: Sequence[str], lines: list[int], column: forms.Evidence, name: str, found: Profile) -> None:
    for text, count in Counter(values).items():
        kind = column.class_of(text)
        unusual = kind not in (forms.NOTHING, forms.PLAIN) and len(column.lines.get(kind, [])) < forms.SHOWN
        column.add(text, lines[values.index(text)] if unusual else 0, count)
        doubt = _doubt(text)
        if doubt and len(found.suspicious) < SHOWN:
            found.suspicious.append((lines[values.index(text)], f"{name}: {doubt}", text[:200]))


def _doubt(text: str) -> str | None:
    if "\ufffd" in text:
        return "a character that an earlier program could not read"
    if "\n" in text:
        return "a line end inside the field"
    if len(text) > LONG_TEXT:
        return f"{len(text)} characters"
    if '"' in text and _LOST_QUOTE.search(text):
        return "quote signs that look like the rest of a damaged quote"
    return None


def rows(raw: BinaryIO, layout: Layout) -> Iterator[list[tuple[Any, ...]]]:
    """Records in batches, each as (line, reason, text, *values): values in normal form, or None where it was
    refused."""
    records = read(files.opened(raw), layout.dialect, layout.width)
    rewrite = [
        _rewriter(kind, decision, zone)
        for kind, decision, zone in zip(layout.kinds, layout.decisions, layout.zones, strict=True)
    ]
    nothing = (None,) * len(layout.names)
    wanted = (record for record in records if record.reason not in (BLANK, HEADER))
    while batch := list(islice(wanted, BATCH)):
        yield [
            (record.line, record.reason, record.text, *nothing)
            if record.fields is None
            else (
                record.line, None, None,
                *(
                    None if place is None else change(record.fields[place])
                    for change, place in zip(rewrite, layout.places, strict=True)
                ),
            )
            for record in batch
        ]  # fmt: skip


class _rewriter(dict[str, str | None]):
    """The normal form of a column's values; each value is brought into it once, as long as there are not too many."""

    def __init__(self, kind: str, decision: str | None, zone: str | None) -> None:
        super().__init__()
        self._arguments = kind, decision, zone

    def __missing__(self, text: str) -> str | None:
        if len(self) >= forms.MOST_REMEMBERED:
            self.clear()
        value = self[text] = forms.normal(text, *self._arguments)
        return value

    def __call__(self, text: str) -> str | None:
        return self[text]


def as_json(found: Profile) -> dict[str, Any]:
    """A profile as it travels from an executor."""
    columns = [
        {**vars(each), "counts": dict(each.counts), "currencies": dict(each.currencies)} for each in found.columns
    ]
    return {**vars(found), "account": asdict(found.account), "columns": columns}


def from_json(content: dict[str, Any]) -> Profile:
    """The profile that `as_json` wrote."""
    columns = [
        forms.Evidence(
            each["kind"], Counter(each["counts"]), Counter(each["currencies"]),
            {kind: [(line, text) for line, text in lines] for kind, lines in each["lines"].items()},
        )
        for each in content["columns"]
    ]  # fmt: skip

    def listed(key: str) -> list[tuple[int, str, str]]:
        return [(line, reason, text) for line, reason, text in content[key]]

    return Profile(Account(**content["account"]), columns, listed("refused"), listed("suspicious"))


def merged(profiles: Sequence[Profile]) -> list[forms.Evidence]:
    """The evidence of each column over several files."""
    columns = [forms.Evidence(column.kind) for column in profiles[0].columns]
    for each in profiles:
        for column, other in zip(columns, each.columns, strict=True):
            column.merge(other)
    return columns
