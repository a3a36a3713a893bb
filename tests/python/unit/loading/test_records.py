"""Records of broken files: what is refused, with which line, and that no line is lost."""

from __future__ import annotations

import csv
import io
import random

import pytest

import damage
from precision_marketing.loading import dialects, files, passes
from precision_marketing.loading.mapping import in_header
from precision_marketing.loading.mapping import read as read_mapping
from precision_marketing.loading.records import BLANK, HEADER, Account, Dialect, Record, read


def parsed(text: str, dialect: Dialect | None = None) -> list[Record]:
    """The records of a text, whose lines all are in one of them."""
    dialect = dialect or Dialect()
    found = list(read(io.BytesIO(text.encode(dialect.encoding)), dialect))
    assert [record.line for record in found] == [1 + sum(r.lines for r in found[:n]) for n in range(len(found))]
    assert sum(record.lines for record in found) == files.scan(io.BytesIO(text.encode(dialect.encoding))).lines
    return found


def kept(found: list[Record]) -> list[list[str]]:
    return [record.fields for record in found if record.fields and record.reason is None]


def refused(found: list[Record]) -> list[tuple[int, str]]:
    return [(record.line, record.reason) for record in found if record.reason not in (None, BLANK, HEADER)]


HEAD = "id,name,price\n"


@pytest.mark.parametrize(
    ("body", "rows", "reasons"),
    [
        ('1,"a, b",2\n', [["1", "a, b", "2"]], []),
        ('1,"a ""b""",2\n', [["1", 'a "b"', "2"]], []),
        ('1,"two\nlines",2\n', [["1", "two\nlines", "2"]], []),
        ('1,7 inch",2\n', [["1", '7 inch"', "2"]], []),
        ("1,a,2,\n2,b,3,\n", [["1", "a", "2"], ["2", "b", "3"]], []),
        ("1,a, b,2\n2,b,3\n", [["2", "b", "3"]], [(2, "4 fields instead of 3")]),
        ("1,a\n2,b,3\n", [["2", "b", "3"]], [(2, "2 fields instead of 3")]),
        ('1,"a,2\n2,b,3\n3,c,4\n', [["2", "b", "3"], ["3", "c", "4"]], [(2, "a quote that does not close")]),
        ('1,"a,2\n2,"b",3\n', [["2", "b", "3"]], [(2, "text after a closing quote")]),
        ('1,"a,2\n2,b,3\n3,c",4\n', [], [(2, "rows inside a quoted field")]),
        ('1,"a"b,2\n2,b,3\n', [["2", "b", "3"]], [(2, "text after a closing quote")]),
        (HEAD + "1,a,2\n", [["1", "a", "2"]], [(2, "the header again")]),
        ("1,a\0,2\n2,b,3\n", [["2", "b", "3"]], [(2, "not readable as utf-8")]),
        ("\n,,\n \n1,a,2\n", [["1", "a", "2"]], [(4, "1 fields instead of 3")]),
    ],
)
def test_broken_records(body: str, rows: list[list[str]], reasons: list[tuple[int, str]]) -> None:
    found = parsed(HEAD + body)
    assert kept(found) == rows
    assert refused(found) == reasons


def test_bytes_that_the_encoding_does_not_know_cost_their_record() -> None:
    content = HEAD.encode() + b"1,caf\xe9,2\n" + "2,caf\u00e9,3\n".encode()
    found = list(read(io.BytesIO(content), Dialect()))
    assert kept(found) == [["2", "caf\u00e9", "3"]] and refused(found) == [(2, "not readable as utf-8")]


def test_a_quote_that_never_closes_costs_one_line_of_many() -> None:
    rows = [f"{n},name {n},1" for n in range(5000)]
    rows[100] = '100,"name,1'
    found = parsed(HEAD + "\n".join(rows) + "\n")
    assert len(kept(found)) == 4999 and refused(found) == [(102, "a quote that does not close")]


@pytest.mark.parametrize("escape", [None, "\\"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_what_a_writer_wrote_comes_back(separator: str, escape: str | None) -> None:
    """Any text in any dialect, as Python's own writer writes it."""
    chance = random.Random(f"{separator}{escape}")
    letters = f"ab{separator}\"'\n \u00e9\u4e0a" + ("\\" if escape is None else "")
    rows = [["c0", "c1", "c2"]]
    rows += [
        [f"{n}", *("".join(chance.choices(letters, k=chance.randint(0, 6))) for _ in range(2))] for n in range(3000)
    ]
    written = io.StringIO()
    csv.writer(
        written,
        delimiter=separator,
        quoting=csv.QUOTE_ALL,
        lineterminator="\n",
        escapechar=escape,
        doublequote=escape is None,
    ).writerows(rows)
    found = parsed(written.getvalue(), Dialect(separator=separator, escape=escape))
    # Lines inside a field may look like a row; then the record is refused, never read wrong.
    by_key = {row[0]: row for row in rows}
    assert all(by_key[row[0]] == row for row in kept(found))
    assert len(kept(found)) > 2800


CONTENT = (
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    + "".join(
        f"{536365 + n // 4},{22000 + n},{description},{n % 9 + 1},2010-12-0{n % 9 + 1} 08:26:00,{n % 7}.55,"
        f"{17850 + n // 8}.0,France\n"
        for n in range(120)
        for description in ['"PEN ""BLUE"", LARGE"' if n % 5 == 0 else "CAF\u00c9 TRAY" if n % 7 == 0 else "MUG"]
    )
).encode()


@pytest.mark.parametrize("kind", damage.KINDS)
def test_no_line_of_a_damaged_file_vanishes(kind: str) -> None:
    """Every physical line is in a record, a refused record, the header or blank; or the whole file is refused."""
    each = read_mapping("uci_online_retail").inputs[0]
    good = {tuple(row) for row in kept(list(read(io.BytesIO(CONTENT), Dialect())))}
    for seed in range(damage.KINDS.index(kind), 25 * len(damage.KINDS), len(damage.KINDS)):
        assert damage.damaged(CONTENT, seed)[0] == kind
        data = damage.damaged(CONTENT, seed)[1]
        try:
            scan = files.scan(io.BytesIO(data))
            found = dialects.detect(scan, [column.names for column in each.columns])
            in_header(each.columns, found.header, "file")
        except (files.UnreadableFile, Exception) as error:
            assert type(error).__name__ in ("UnreadableFile", "MappingError"), error
            continue
        account = Account()
        strange = 0
        for record in read(files.opened(io.BytesIO(data)), found.dialect, len(found.header)):
            account.count(record)
            strange += record.fields is not None and record.reason is None and tuple(record.fields) not in good
        assert account.adds_up and account.lines == scan.lines, seed
        # What a damaged line leaves behind is at most that line, never one that was made of two.
        assert strange <= 20 if kind in ("flip", "encode") else strange <= 3, seed


def test_the_second_pass_brings_what_the_first_counted() -> None:
    each = read_mapping("uci_online_retail").inputs[0]
    kinds = tuple(column.kind for column in each.columns)
    layout = passes.Layout(Dialect(), 8, tuple(c.name for c in each.columns), kinds, tuple(range(8)), (None,) * 8)
    damaged = CONTENT.replace(b"MUG,3", b"MUG,x,3")
    profile = passes.profile(io.BytesIO(damaged), layout)
    decided = passes.Layout(**{**vars(layout), "decisions": tuple(column.decision for column in profile.columns)})
    rows = [row for batch in passes.rows(io.BytesIO(damaged), decided) for row in batch]
    assert profile.account.refused > 0
    assert len(rows) == profile.account.records + profile.account.refused
    assert sum(row[1] is not None for row in rows) == profile.account.refused
    assert {row[9] for row in rows if row[1] is None} <= {str(17850 + n) for n in range(15)}  # without .0
    assert passes.from_json(passes.as_json(profile)) == profile
