"""The records of a delimited file, each with the physical lines it takes, or the reason why it is none.

Python's csv module splits fields, strictly. What it accepts although it is damage, this module finds: records with
more or fewer fields than the header, whole rows inside a quoted field whose quote was lost, bytes that the encoding
does not know. Where a quote does not close, its first line is refused and reading goes on with the next one.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

from precision_marketing.loading import files


@dataclass(frozen=True)
class Dialect:
    """How a file is written.

    encoding: a codec of Python. quote: None where quotes mean nothing. escape: what stands before a quote inside
    quotes, None where it is doubled. newline: what ends a line. hint_line: the first line is Excel's `sep=`. header:
    whether the first record names the columns.
    """

    encoding: str = "utf-8"
    separator: str = ","
    quote: str | None = '"'
    escape: str | None = None
    newline: str = "\n"
    hint_line: bool = False
    header: bool = True

    def reader(self) -> dict[str, Any]:
        """The arguments of csv.reader."""
        quoting = csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL
        return {
            "delimiter": self.separator,
            "quotechar": self.quote or '"',
            "escapechar": self.escape,
            "doublequote": self.escape is None,
            "quoting": quoting,
            "strict": True,
        }

    def described(self) -> dict[str, Any]:
        """As a mapping states it."""
        return asdict(self)


class Record(NamedTuple):
    """One record: its first physical line, counted from 1, the lines it takes, its fields; or the reason and the text
    of one that is refused. Blank lines have the reason BLANK, the header HEADER."""

    line: int
    lines: int
    fields: list[str] | None
    reason: str | None = None
    text: str = ""


BLANK, HEADER = "blank", "header"
# A quote that never closes is looked for in so many lines at most; longer fields are refused.
MOST_LINES = 1000


@dataclass
class Account:
    """What became of the physical lines of a file: lines = header + blank + kept + refused, each counted in lines."""

    lines: int = 0
    header_lines: int = 0
    blank_lines: int = 0
    kept_lines: int = 0
    refused_lines: int = 0
    records: int = 0
    refused: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def count(self, record: Record) -> None:
        """Add one record."""
        self.lines += record.lines
        if record.reason is None:
            self.kept_lines += record.lines
            self.records += 1
        elif record.reason == HEADER:
            self.header_lines += record.lines
        elif record.reason == BLANK:
            self.blank_lines += record.lines
        else:
            self.refused_lines += record.lines
            self.refused += 1
            self.reasons[record.reason] = self.reasons.get(record.reason, 0) + 1

    @property
    def adds_up(self) -> bool:
        """Whether every physical line is in exactly one part."""
        return self.lines == self.header_lines + self.blank_lines + self.kept_lines + self.refused_lines


def physical_lines(stream: BinaryIO, dialect: Dialect) -> Iterator[tuple[str, bool]]:
    """The lines of a file as text, their ends included, and whether each is readable in the dialect's encoding."""
    encoding = dialect.encoding
    if encoding.startswith(("utf-16", "utf-32")) or dialect.newline == "\r":
        yield from _decoded_first(stream, dialect)
        return
    first = True
    for piece in _split(stream):
        try:
            line, readable = piece.decode(encoding), True
        except UnicodeDecodeError:
            line, readable = piece.decode(encoding, errors="replace"), False
        if first:
            line, first = line.removeprefix("\ufeff"), False
        yield line, readable and "\0" not in line


def _split(stream: BinaryIO) -> Iterator[bytes]:
    rest = b""
    for chunk in files.chunks(stream):
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest


def _decoded_first(stream: BinaryIO, dialect: Dialect) -> Iterator[tuple[str, bool]]:
    decoder = codecs.getincrementaldecoder(dialect.encoding)(errors="replace")
    rest = ""
    first = True
    for chunk in chain(files.chunks(stream), [b""]):
        text = decoder.decode(chunk, final=not chunk)
        if first:
            text, first = text.removeprefix("\ufeff"), False
        lines = (rest + text).split(dialect.newline)
        rest = lines.pop()
        for line in lines:
            yield line + "\n", "\ufffd" not in line and "\0" not in line
    if rest:
        yield rest, "\ufffd" not in rest and "\0" not in rest


def read(stream: BinaryIO, dialect: Dialect, width: int | None = None) -> Iterator[Record]:
    """The records of a file, header and blank lines among them, in order; together they take every physical line.

    width: number of fields, by default that of the first record. Raises files.UnreadableFile.
    """
    return records(physical_lines(stream, dialect), dialect, width)


def records(lines: Iterable[tuple[str, bool]], dialect: Dialect, width: int | None = None) -> Iterator[Record]:
    """The same from lines, as `physical_lines` gives them."""
    source = iter(lines)
    number = 1
    header: list[str] | None = None
    started = not dialect.header
    if dialect.hint_line:
        next(source, None)
        yield Record(1, 1, None, HEADER)
        number = 2
    options = dialect.reader()
    pending: list[tuple[str, bool]] = []

    def feed() -> Iterator[str]:
        for line in source:
            pending.append(line)
            if len(pending) > MOST_LINES:
                return
            yield line[0]

    reader = csv.reader(feed(), **options)
    while True:
        pending.clear()
        try:
            fields = next(reader)
            # Nearly all records are whole lines; what follows is for the others.
            if (
                started
                and len(pending) == 1
                and len(fields) == width
                and fields[0] > " "
                and pending[0][1]
                and fields != header
            ):
                yield Record(number, 1, fields)
                number += 1
                continue
            reason = None
        except StopIteration:
            if not pending:
                return
            fields, reason = [], _UNCLOSED
        except csv.Error as error:
            fields, reason = [], _reason(error)
        # More lines than the first belong to a record only if the record is one.
        taken = pending if reason is None else pending[:1]
        if reason is None and len(pending) > 1 and width and width > 2 and _holds_rows(pending[1:], options, width):
            reason = "rows inside a quoted field"
        if reason is None and any(field for field in fields):
            if width is None:
                width = len(fields)
            elif len(fields) > width and not any(fields[width:]):
                fields = fields[:width]  # separators that end every line
            if len(fields) != width:
                reason = f"{len(fields)} fields instead of {width}"
        if reason is None and not all(readable for _, readable in taken):
            reason = f"not readable as {dialect.encoding}"
        text = "".join(line for line, _ in taken) if reason else ""
        if reason is None and not any(field.strip() for field in fields):
            yield Record(number, len(taken), None, BLANK)
        elif reason is None and header is None and dialect.header:
            header, started = fields, True
            yield Record(number, len(taken), fields, HEADER)
        elif reason is None and fields == header:
            yield Record(number, len(taken), None, "the header again", "".join(line for line, _ in taken))
        else:
            yield Record(number, len(taken), None if reason else fields, reason, text)
        number += len(taken)
        if len(pending) > len(taken):
            source = chain(pending[len(taken) :], source)
        if reason:
            reader = csv.reader(feed(), **options)


_UNCLOSED = "a quote that does not close"


def _reason(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end" in text or "field larger" in text:
        return _UNCLOSED
    if "expected after" in text:
        return "text after a closing quote"
    return text


def _holds_rows(lines: Iterable[tuple[str, bool]], options: dict[str, Any], width: int) -> bool:
    """Whether one of these lines, inside a quoted field, is a whole row by itself."""
    for line, _ in lines:
        if line.count(options["delimiter"]) < width - 1:
            continue
        try:
            if len(next(csv.reader([line], **options), [])) == width:
                return True
        except csv.Error:
            continue
    return False
