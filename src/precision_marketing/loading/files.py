"""The bytes of a file, read once from end to end: how many lines, in which encoding, and the lines that show its
dialect.

Runs on executors too, so it needs Python's own library alone.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

CHUNK = 1 << 20
HEAD_BYTES = 1 << 18
# So many lines of each kind are looked at: enough for a library to tell an encoding or a dialect from.
SHOWN_LINES = 200

ARCHIVES = {
    b"PAR1": "a Parquet file: register it as a table and select from it",
    b"BZh": "a bzip2 archive: unpack it, or pack it with gzip",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive: unpack it, or pack it with gzip",
    b"\xfd7zXZ\x00": "an xz archive: unpack it, or pack it with gzip",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive: unpack it",
    b"Rar!": "a RAR archive: unpack it",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save its sheet as CSV (UTF-8)",
    b"%PDF": "a PDF document",
}
MARKS = [  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
]  # fmt: skip


class UnreadableFile(Exception):
    """A file that is no text with records; the message says what it is and what to do."""


@dataclass
class Scan:
    """What one pass over the bytes of a file found.

    lines: physical lines, counted by their ends and a last one without. mark: the encoding its first bytes name, or
    None. is_utf8: whether all of it is UTF-8. non_ascii, quoted: lines (bytes) with such characters, at most
    SHOWN_LINES each. newline: what ends a line. ends_open: whether the last line has no end. digest: SHA-256 of the
    unpacked bytes.
    """

    size: int = 0
    lines: int = 0
    mark: str | None = None
    is_utf8: bool = True
    newline: str = "\n"
    ends_open: bool = False
    head: bytes = b""
    non_ascii: list[bytes] = field(default_factory=list)
    utf8_lines: int = 0
    non_ascii_lines: int = 0
    quoted: list[bytes] = field(default_factory=list)
    digest: str = ""


def opened(raw: BinaryIO) -> BinaryIO:
    """The bytes of a file, unpacked if it is a gzip file. Raises UnreadableFile for what is no text."""
    buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast(Any, raw))
    start = buffered.peek(64)[:64]
    if not start:
        raise UnreadableFile("is empty")
    if start[:2] == b"\x1f\x8b":
        return io.BufferedReader(gzip.GzipFile(fileobj=buffered))
    if start[:4] == b"PK\x03\x04":
        first = start[30:]
        office = first.startswith((b"[Content_Types].xml", b"_rels/", b"xl/", b"docProps/"))
        raise UnreadableFile(
            "is an Excel workbook: save its sheet as CSV (UTF-8)" if office else "is a zip archive: unpack it"
        )
    for magic, what in ARCHIVES.items():
        if start.startswith(magic):
            raise UnreadableFile(f"is {what}")
    return buffered


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of a stream in pieces. Raises UnreadableFile where a gzip file breaks off or is damaged."""
    try:
        while chunk := stream.read(CHUNK):
            yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFile(f"is a gzip file that is damaged or breaks off ({error})") from None


def scan(raw: BinaryIO) -> Scan:
    """Read all bytes of a file once. Raises UnreadableFile for an empty file, an archive or a damaged one."""
    found = Scan()
    digest = hashlib.sha256()
    utf8 = codecs.getincrementaldecoder("utf-8")()
    wide: codecs.IncrementalDecoder | None = None
    rest = b""
    returns = newlines = 0
    last = ""
    for chunk in chunks(opened(raw)):
        if not found.size:
            found.mark = next((name for mark, name in MARKS if chunk.startswith(mark)), None) or _wide(chunk)
            if found.mark and not found.mark.startswith("utf-8"):
                wide = codecs.getincrementaldecoder(found.mark)(errors="replace")
        digest.update(chunk)
        found.size += len(chunk)
        if len(found.head) < HEAD_BYTES:
            found.head += chunk[: HEAD_BYTES - len(found.head)]
        if wide:
            text = wide.decode(chunk)
            newlines, returns, last = newlines + text.count("\n"), returns + text.count("\r"), text[-1:] or last
            continue
        newlines, returns, last = newlines + chunk.count(b"\n"), returns + chunk.count(b"\r"), chr(chunk[-1])
        if found.is_utf8:
            try:
                utf8.decode(chunk)
            except UnicodeDecodeError:
                found.is_utf8 = False
        if chunk.isascii() and rest.isascii() and len(found.quoted) >= SHOWN_LINES and b'\\"' not in chunk:
            rest = chunk[chunk.rfind(b"\n") + 1 :] if b"\n" in chunk else (rest + chunk)[-HEAD_BYTES:]
            continue
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()[-HEAD_BYTES:]
        for line in lines:
            _look_at(line, found)
    if not found.size:
        raise UnreadableFile("is empty")
    if wide:
        found.is_utf8 = False
    elif found.is_utf8:
        try:
            utf8.decode(b"", final=True)
        except UnicodeDecodeError:
            found.is_utf8 = False
    if rest:
        _look_at(rest, found)
    if not newlines and returns:  # as programs of the old Macintosh write it
        found.newline, newlines = "\r", returns
    found.ends_open = last != found.newline
    found.lines = newlines + found.ends_open
    found.digest = digest.hexdigest()
    return found


def _wide(chunk: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of plain text is zero."""
    start = chunk[:1000]
    if len(start) > 8 and start[1::2].count(0) > 0.4 * len(start) / 2 and not start[0::2].count(0):
        return "utf-16-le"
    if len(start) > 8 and start[0::2].count(0) > 0.4 * len(start) / 2 and not start[1::2].count(0):
        return "utf-16-be"
    return None


def _look_at(line: bytes, found: Scan) -> None:
    if not line.isascii():
        found.non_ascii_lines += 1
        if len(found.non_ascii) < SHOWN_LINES:
            found.non_ascii.append(line)
        try:
            line.decode("utf-8")
            found.utf8_lines += 1
        except UnicodeDecodeError:
            pass
    if b'"' in line and len(found.quoted) < SHOWN_LINES or b'\\"' in line and len(found.quoted) < 2 * SHOWN_LINES:
        found.quoted.append(line)
