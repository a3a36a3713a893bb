"""Which dialect a file is written in: stated by the mapping, else detected by libraries from what a scan of it shows.

Encodings are charset-normalizer's finding, separators and escapes CleverCSV's (van den Burg, Nazábal and Sutton,
2019, Data Mining and Knowledge Discovery 33). Names of columns that the mapping expects decide where they disagree.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import charset_normalizer
import clevercsv.detect
import clevercsv.exceptions

from precision_marketing.loading.files import Scan, UnreadableFile
from precision_marketing.loading.records import HEADER, Dialect, Record, records

SEPARATORS = [",", ";", "\t", "|"]
# What companies' exports are written in, where it is not Unicode. The order decides between findings as good as each
# other.
ENCODINGS = ["cp1252", "gb18030", "cp932", "big5", "cp949", "cp1251", "cp1250", "cp1253", "cp1254"]
SAMPLE_CHARACTERS = 1 << 14


@dataclass(frozen=True)
class Found:
    """A file's dialect, the names in its header, and what a person should look at before they trust it."""

    dialect: Dialect
    header: list[str]
    doubts: list[str] = field(default_factory=list)


def detect(
    scan: Scan,
    expected: Iterable[Iterable[str]] = (),
    stated: Mapping[str, Any] | None = None,
    names: list[str] | None = None,
) -> Found:
    """The dialect of a scanned file and its header.

    expected: for each column of the mapping the names it may have. stated: fields of the dialect that the mapping
    fixes. names: the columns of a file without a header. Raises UnreadableFile where no text comes out.
    """
    stated = dict(stated or {})
    doubts: list[str] = []
    encoding = stated.get("encoding") or _encoding(scan, doubts)
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise UnreadableFile(f"is said to be {encoding!r}, an encoding that Python does not know") from None
    text = scan.head.decode(encoding, errors="replace").removeprefix("\ufeff")
    if scan.newline == "\r":
        text = text.replace("\r", "\n")
    dialect = Dialect(encoding=encoding, newline=scan.newline)
    hint = re.match(r"sep=(.)\r?\n", text)
    if hint:
        dialect = replace(dialect, hint_line=True, separator=hint[1])
        text = text[hint.end() :]
    if scan.size > len(scan.head):
        text = text[: text.rfind("\n") + 1] or text  # the last line is cut
    if not hint:
        dialect = replace(dialect, separator=_separator(text, [list(known) for known in expected]))
    quoted = [line.decode(encoding, errors="replace") for line in scan.quoted]
    dialect = replace(dialect, **{key: value for key, value in stated.items() if value is not None or key == "quote"})
    if not {"quote", "escape"} & stated.keys():
        dialect = _quoting(dialect, text, quoted)
    if not dialect.header:
        if not names:
            raise UnreadableFile("has no header by the mapping, which names no columns for it")
        return Found(dialect, names, doubts)
    sample = replace(dialect, hint_line=False)
    header = next(
        (record.fields for record in _parsed(text, sample) if record.reason == HEADER and record.fields), None
    )
    if header is None:
        raise UnreadableFile(f"has no readable header (read as {encoding}, separator {dialect.separator!r})")
    return Found(dialect, [name.strip(" \t\u00a0\ufeff") for name in header], doubts)


def _encoding(scan: Scan, doubts: list[str]) -> str:
    if scan.mark:
        return scan.mark
    if scan.is_utf8:
        return "utf-8"
    # A few damaged lines do not make another encoding of a file whose other lines are UTF-8.
    if scan.utf8_lines > scan.non_ascii_lines / 2:
        return "utf-8"
    shown = b"\n".join(scan.non_ascii)
    matches = charset_normalizer.from_bytes(shown, cp_isolation=ENCODINGS)
    # A match stands for every encoding in which these bytes are the same text.
    chaos = {
        name: round(match.chaos, 2) for match in matches for name in match.could_be_from_charset if name in ENCODINGS
    }
    if not chaos:
        raise UnreadableFile("is in an encoding that cannot be told: state `encoding:`")
    best = min(chaos, key=lambda name: (chaos[name], ENCODINGS.index(name)))
    others = [name for name in chaos if name != best and chaos[name] <= chaos[best] + 0.02]
    also = f"; {', '.join(others)} would read it too" if others else ""
    doubts.append(f"the encoding {best} is a finding, not a fact{also}: state `encoding:` if names look wrong")
    return best


def _separator(text: str, expected: list[list[str]]) -> str:
    """The separator with which the header has most of the expected columns; CleverCSV's where it has none with any."""
    first = next((line for line in io.StringIO(text, newline="\n") if line.strip()), "")
    known = {plain_name(name) for names in expected for name in names}

    def matches(separator: str) -> int:
        return len({plain_name(name.strip(" \t\r\n\"'")) for name in first.split(separator)} & known)

    best = max(SEPARATORS, key=matches)
    if matches(best) > 1 or matches(best) == len(known):
        return best
    try:
        found = clevercsv.detect.Detector().detect(text[:SAMPLE_CHARACTERS].replace("\0", ""), delimiters=SEPARATORS)
    except clevercsv.exceptions.Error:
        found = None
    return found.delimiter if found and found.delimiter else best


def plain_name(name: str) -> str:
    """A column's name without what releases and programs change: case, blanks, punctuation."""
    return re.sub(r"[\W_]+", "", name.casefold()) or name.strip()


def _quoting(dialect: Dialect, text: str, quoted: list[str]) -> Dialect:
    """Quotes doubled, escaped by a backslash, or without meaning: with which the fewest records are refused."""
    if not quoted:
        return dialect
    ways = [dialect]
    if any('\\"' in line for line in quoted):
        ways.append(replace(dialect, escape="\\"))
    edge = re.escape(dialect.separator)
    well_formed = re.compile(rf'(^|{edge})"([^"]|"")*"({edge}|\r?\n?$)')
    if not any(well_formed.search(line) for line in quoted):
        ways.append(replace(dialect, quote=None))
    header = next((record.fields for record in _parsed(text, dialect) if record.reason == HEADER), None)
    width = len(header) if header else None
    sample = text + "".join(f"{line.rstrip(chr(13))}\n" for line in quoted)

    def refused(way: Dialect) -> int:
        return sum(record.fields is None and bool(record.text) for record in _parsed(sample, way, width))

    return min(ways, key=refused)


def _parsed(text: str, dialect: Dialect, width: int | None = None) -> Iterable[Record]:
    lines = ((line, True) for line in io.StringIO(text, newline="\n"))
    return records(lines, replace(dialect, hint_line=False, header=True), width)
