"""What one pass over the bytes of a file finds, and what is no text."""

from __future__ import annotations

import gzip
import io

import pytest

from precision_marketing.loading import files

TEXT = "a,b\n1,caf\u00e9\n2,\u4e0a\u6d77\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "cp1252"]
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_lines_are_counted_in_every_encoding(encoding: str, end: str) -> None:
    text = "a,b\n" + "1,\u00e9\n" * 40 + "2,z" + end
    scan = files.scan(io.BytesIO(text.encode(encoding)))
    assert (scan.lines, scan.ends_open) == (42, not end)
    assert scan.is_utf8 == encoding.startswith("utf-8")


def test_a_character_with_the_byte_of_a_line_end_is_none() -> None:
    """U+5C0A has the byte 0A in UTF-16."""
    scan = files.scan(io.BytesIO("a,\u5c0a\nb,\u0a05\n".encode("utf-16")))
    assert scan.lines == 2


def test_lines_that_end_in_carriage_returns_alone() -> None:
    scan = files.scan(io.BytesIO(b"a,b\r1,2\r3,4"))
    assert (scan.newline, scan.lines) == ("\r", 3)


def test_pieces_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    content = TEXT.encode() * 50 + b'"x\\"y",1\n' * 30
    whole = files.scan(io.BytesIO(content))
    monkeypatch.setattr(files, "CHUNK", 7)
    assert files.scan(io.BytesIO(content)) == whole
    assert whole.quoted and whole.non_ascii and whole.lines == 180


def test_gzip_is_unpacked_and_a_broken_one_is_an_error() -> None:
    packed = gzip.compress(TEXT.encode() * 1000)
    assert files.scan(io.BytesIO(packed)) == files.scan(io.BytesIO(TEXT.encode() * 1000))
    with pytest.raises(files.UnreadableFile, match="breaks off"):
        files.scan(io.BytesIO(packed[: len(packed) // 2]))
    damaged = bytearray(packed)
    damaged[len(packed) // 2] ^= 255
    with pytest.raises(files.UnreadableFile):
        files.scan(io.BytesIO(bytes(damaged)))


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        (b"PK\x03\x04" + b"\0" * 26 + b"data.csv", "zip archive: unpack"),
        (b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml", "Excel workbook: save"),
        (b"PAR1....", "Parquet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "Excel"),
        (b"BZh91AY", "bzip2"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    ],
)
def test_what_is_no_text_is_named(start: bytes, message: str) -> None:
    with pytest.raises(files.UnreadableFile, match=message):
        files.scan(io.BytesIO(start))
