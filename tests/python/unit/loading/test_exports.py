"""One small shop as many programs export it: it is read alike, or refused with the reason."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import read_files
from precision_marketing.loading import dialects, files, forms, inspection, loader
from precision_marketing.loading.mapping import MappingError, parse, read

ONLINE_RETAIL = read("uci_online_retail").inputs[0]
HEADER = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
ROWS = [
    ["700001", "A10", "MUG WITH \u00a3 SIGN", "2", "2021-03-01 09:15:00", "2.50", "50001", "United Kingdom"],
    ["700001", "A11", "CAF\u00c9 TRAY", "1", "2021-03-01 09:15:00", "7.00", "50001", "United Kingdom"],
    ["700002", "A10", "MUG WITH \u00a3 SIGN", "4", "2021-03-02 10:00:00", "2.50", "50002", "France"],
    ["C700003", "A10", "MUG WITH \u00a3 SIGN", "-1", "2021-03-13 11:00:00", "2.50", "50001", "United Kingdom"],
    ["700004", "A12", 'PEN "BLUE", LARGE', "10", "2021-03-04 12:00:00", "0.40", "", "Germany"],
]
RIGHT = [dict(zip(HEADER, [value or None for value in row], strict=True)) for row in ROWS]


def text(rows: list[list[str]] = ROWS, header: list[str] = HEADER, **options: Any) -> str:
    """Rows as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", **options).writerows([header, *rows])
    return out.getvalue()


def changed(column: str, change: Callable[[str], str]) -> list[list[str]]:
    """The rows with another spelling of a column's values."""
    place = HEADER.index(column)
    return [[change(value) if at == place else value for at, value in enumerate(row)] for row in ROWS]


def us(value: str) -> str:
    year, month, day = value[:10].split("-")
    return f"{int(month)}/{int(day)}/{year} {value[11:16]}"


def lower_half(value: str) -> str:
    hour = int(value[11:13])
    return f"{value[:10]} {(hour - 1) % 12 + 1}:{value[14:16]} {'PM' if hour >= 12 else 'AM'}"


ALIKE: dict[str, bytes] = {
    "plain": text().encode(),
    "byte order mark": text().encode("utf-8-sig"),
    "UTF-16": text().encode("utf-16"),
    "UTF-16 without a mark": text().encode("utf-16-le"),
    "Latin-1": text().encode("latin-1"),
    "Windows": text().replace("\n", "\r\n").encode("cp1252"),
    "old Macintosh": text().replace("\n", "\r").encode(),
    "semicolons": text(delimiter=";").encode(),
    "tabs": text(delimiter="\t").encode(),
    "bars": text(delimiter="|").encode(),
    "all quoted": text(quoting=csv.QUOTE_ALL).encode(),
    "backslashes": text(escapechar="\\", doublequote=False).encode(),
    "sep line": b"sep=;\n" + text(delimiter=";").encode(),
    "no last line end": text().rstrip("\n").encode(),
    "blank lines": text().replace("\n", "\n\n").encode() + b",,,,,,,\n",
    "separators that end lines": text().replace("\n", ",\n").encode(),
    "gzip": gzip.compress(text().encode(), mtime=0),
    "header in lower case": text(header=[name.lower() for name in HEADER]).encode(),
    "header with blanks": text(header=[f" {name} " for name in HEADER]).encode(),
    "header of another release": text(
        header=[{"InvoiceNo": "Invoice", "UnitPrice": "Price", "CustomerID": "Customer ID"}.get(n, n) for n in HEADER]
    ).encode(),  # fmt: skip
    "header with underscores": text(
        header=[
            "invoice_no",
            "stock_code",
            "description",
            "quantity",
            "invoice_date",
            "unit_price",
            "customer_id",
            "country",
        ]
    ).encode(),  # fmt: skip
    "more columns": text([[*row, "x"] for row in ROWS], [*HEADER, "group"]).encode(),
    "keys with decimals": text(changed("CustomerID", lambda value: value and f"{value}.0")).encode(),
    "keys with exponents": text(changed("CustomerID", lambda value: value and f"{value[0]}.{value[1:]}E4")).encode(),
    "decimal commas": text(changed("UnitPrice", lambda value: value.replace(".", ",")), delimiter=";").encode(),
    "pounds": text(changed("UnitPrice", lambda value: f"\u00a3{value}")).encode(),
    "American dates": text(changed("InvoiceDate", us)).encode(),
    "German dates": text(changed("InvoiceDate", lambda v: f"{v[8:10]}.{v[5:7]}.{v[:4]} {v[11:]}")).encode(),
    "month names": text(changed("InvoiceDate", lambda v: f"{v[8:10]}-Mar-{v[:4]} {v[11:]}")).encode(),
    "half days": text(changed("InvoiceDate", lower_half)).encode(),
    "NA for nothing": text(changed("CustomerID", lambda value: value or "NA")).encode(),
    "NULL for nothing": text(changed("CustomerID", lambda value: value or "\\N")).encode(),
}


def numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with amounts and instants as numbers: 2.5 is 2.50."""
    return [
        {**row, "UnitPrice": float(row["UnitPrice"]), "InvoiceDate": row["InvoiceDate"].replace("T", " ")}
        for row in rows
    ]


@pytest.mark.parametrize("way", ALIKE)
def test_a_shop_is_read_alike_in_every_dialect(way: str, tmp_path: Path) -> None:
    path = tmp_path / "retail.csv"
    path.write_bytes(ALIKE[way])
    found = read_files.inspected(ONLINE_RETAIL, [path])
    assert inspection.refusals(found, inspection.MOST_REFUSED, inspection.MOST_UNREADABLE) == []
    assert numbers(read_files.rows(found)) == numbers(RIGHT)


def test_a_path_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "o'brien [2021]"
    folder.mkdir()
    (folder / "retail 1.csv").write_bytes(ALIKE["plain"])
    for where in (folder / "retail 1.csv", folder):
        found = inspection.paths_of(ONLINE_RETAIL, str(where), None, True, single=True)  # type: ignore[arg-type]
        assert found == [str(folder / "retail 1.csv")]


def refused(content: bytes, tmp_path: Path, **stated: dict[str, Any]) -> str:
    """Why a file is not loaded."""
    path = tmp_path / "retail.csv"
    path.write_bytes(content)
    try:
        found = read_files.inspected(read_files.stated(ONLINE_RETAIL, **stated), [path])
    except (files.UnreadableFile, MappingError) as error:
        return str(error)
    return "\n".join(inspection.refusals(found, inspection.MOST_REFUSED, inspection.MOST_UNREADABLE))


GBK = "\u5355\u53f7,\u54c1\u540d\n1,\u9676\u74f7\u676f\n".encode("gbk")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (text([]).encode(), "has a header and nothing else"),
        (GBK, "lacks columns: InvoiceNo or Invoice.*\u5355\u53f7.*gb18030"),
        (text(header=[*HEADER[:7], "Land"]).encode(), "lacks columns: Country"),
        (text(header=["InvoiceNo", "Invoice_No", *HEADER[2:]]).encode(), "lacks columns: StockCode"),
        (text([[*row, "1"] for row in ROWS], [*HEADER, "invoice no"]).encode(), ""),  # the exact name counts
        (text([[*row, ""] for row in ROWS], ["invoice no", *HEADER[1:], "INVOICENO"]).encode(), "could both be Invo"),
        (text().replace("A11,CAF", "A11,,CAF").encode(), "1 of 5 records.*\n.*line 3: 9 fields instead of 8"),
        (text()[:-40].encode(), "cannot be read"),
        (text(changed("InvoiceDate", lambda v: us(v).replace("/13/", "/5/"))).encode(), "state `date_order: dmy or"),
        (text(changed("UnitPrice", lambda v: "1.299")).encode(), "state `decimal:"),
        (text(changed("UnitPrice", lambda v: "x")).encode(), "5 of 5 values cannot be read as number, such as 'x' "),
        (text([[*ROWS[0][:5], f"{sign} 1.50", *ROWS[0][6:]] for sign in "$\u20ac"]).encode(), "several currencies"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why(content: bytes, message: str, tmp_path: Path) -> None:
    import re

    why = refused(content, tmp_path)
    assert (why == "") == (message == "")
    assert re.search(message, why, re.DOTALL), why


def test_what_the_mapping_states_is_not_guessed(tmp_path: Path) -> None:
    content = text(changed("InvoiceDate", lambda value: us(value).replace("/13/", "/5/"))).encode()
    path = tmp_path / "retail.csv"
    path.write_bytes(content)
    for order, day in (("mdy", "2021-03-01 09:15:00"), ("dmy", "2021-01-03 09:15:00")):
        found = read_files.inspected(read_files.stated(ONLINE_RETAIL, InvoiceDate={"date_order": order}), [path])
        assert read_files.rows(found)[0]["InvoiceDate"] == day


def test_columns_are_found_by_name_in_every_file(tmp_path: Path) -> None:
    """The second year has two columns the other way round."""
    (tmp_path / "a_2020.csv").write_text(text(ROWS[:1]))
    order = [0, 1, 2, 5, 4, 3, 6, 7]
    (tmp_path / "b_2021.csv").write_text(text([[ROWS[1][at] for at in order]], [HEADER[at] for at in order]))
    found = read_files.inspected(ONLINE_RETAIL, sorted(tmp_path.iterdir()))
    assert numbers(read_files.rows(found)) == numbers(RIGHT[:2])


def test_a_file_packed_and_unpacked_is_an_error(tmp_path: Path) -> None:
    for name in ("retail.csv", "retail.csv.gz"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(inspection.LoadRefused, match=r"retail\.csv.*retail\.csv\.gz are the same file"):
        inspection.paths_of(ONLINE_RETAIL, str(tmp_path), None, True, single=True)  # type: ignore[arg-type]


def test_a_decision_is_that_of_all_files(tmp_path: Path) -> None:
    """One file proves the decimal comma that the other leaves open."""
    for name, price in (("a_retail.csv", "1.299"), ("b_retail.csv", "100,00")):
        (tmp_path / name).write_text(text([[*ROWS[0][:5], price, *ROWS[0][6:]]], delimiter=";"))
    found = read_files.inspected(ONLINE_RETAIL, sorted(tmp_path.iterdir()))
    assert [row["UnitPrice"] for row in read_files.rows(found)] == ["1299", "100.00"]
    assert {file.layout.decisions[5] for file in found} == {forms.COMMA}


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        (["Ж\u0451лтая кружка", "Синяя тарелка"], "cp1251"),
        (["\u9676\u74f7\u676f", "\u4e0a\u6d77\u5e02\u6d66\u4e1c\u65b0\u533a"], "gb18030"),
        (["\u7d05\u3044\u30ab\u30c3\u30d7", "\u6771\u4eac\u90fd\u65b0\u5bbf\u533a"], "cp932"),
        (["caf\u00e9", "M\u00fcnchen", "\u20ac"], "cp1252"),
    ],
)  # fmt: skip
def test_encodings_of_several_countries(words: list[str], encoding: str) -> None:
    content = "id,name\n" + "".join(f"{n},{word}\n" for n, word in enumerate(words * 5))
    found = dialects.detect(files.scan(io.BytesIO(content.encode(encoding))), [["id"], ["name"]])
    assert content.encode(encoding).decode(found.dialect.encoding) == content
    assert any("state `encoding:`" in doubt for doubt in found.doubts)


def test_a_few_damaged_bytes_are_not_another_encoding() -> None:
    content = ("id,name\n" + "1,caf\u00e9\n" * 50).encode() + b"2,caf\xe9\n"
    assert dialects.detect(files.scan(io.BytesIO(content))).dialect.encoding == "utf-8"


MINIMAL = {
    "files": {"a": {"columns": {"x": "key"}}},
    "tables": {"shop_stores": {"from": "a", "columns": {"store_id": "x"}}},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"file": {}}, "has no setting 'file'; 'files'"),
        ({"time_zone": "CST"}, "no time zone"),
        ({"files": {"a": {"columns": {"x": "integer"}}}}, "'integer' is no kind"),
        ({"files": {"a": {"columns": {"x": {"kind": "number", "decimal": ";"}}}}}, "decimal is one of"),
        ({"files": {"a": {"columns": {"x": "key", "X ": "key"}}}}, "names x and X"),
        ({"files": {"a b": {"columns": {"x": "key"}}}}, "letters, digits"),
        ({"tables": {"shop_stores": {"columns": {}}}}, "no `from`"),
        ({"views": {"a": "select 1"}}, "names files and a view"),
        ({"files": {}}, "has no files"),
    ],
)
def test_a_mapping_that_cannot_be_used_says_why(change: dict[str, Any], message: str) -> None:
    with pytest.raises(MappingError, match=message):
        parse({**MINIMAL, **change}, "mine")


def test_a_mapping_may_name_only_what_the_contract_has() -> None:
    tables = {"shop_stores": {"columns": ["store_id"], "optional": False}}
    loader.check_tables(parse(MINIMAL, "mine"), tables)
    with pytest.raises(MappingError, match="no column city"):
        loader.check_tables(
            parse({**MINIMAL, "tables": {"shop_stores": {"from": "a", "columns": {"city": "x"}}}}, "m"), tables
        )
    with pytest.raises(MappingError, match="is no raw table"):
        loader.check_tables(parse({**MINIMAL, "tables": {"stores": {"from": "a", "columns": {}}}}, "m"), tables)


def test_a_file_without_a_header(tmp_path: Path) -> None:
    mapping = parse({**MINIMAL, "files": {"a": {"header": ["x", "y"], "columns": {"x": "key", "y": "number"}}}}, "mine")
    (tmp_path / "a.csv").write_text("1,2\n3,4\n")
    found = read_files.inspected(mapping.inputs[0], [tmp_path / "a.csv"])
    assert read_files.rows(found) == [{"x": "1", "y": "2"}, {"x": "3", "y": "4"}]


def test_orders_of_two_shops_get_keys_of_their_own() -> None:
    part = {"from": "a", "order_namespace": "'de'", "columns": {"order_id": "x", "customer_id": "x"}}
    mapping = parse({**MINIMAL, "tables": {"shop_orders": [part, {**part, "order_namespace": "'fr'"}]}}, "mine")
    sql = loader.query(mapping, mapping.tables["shop_orders"], ["order_id", "customer_id", "store_id"])
    assert "concat('de', '-', x)" in sql and "concat('fr', '-', x)" in sql and "cast(x as string) as customer_id" in sql


def test_a_folder_of_a_single_layout_may_name_its_files_as_it_likes(tmp_path: Path) -> None:
    for name in ("a_2020.csv", "b_2021.csv", "README", "_SUCCESS", ".hidden.csv"):
        (tmp_path / name).write_bytes(b"x")
    found = inspection.paths_of(ONLINE_RETAIL, str(tmp_path), None, True, single=True)  # type: ignore[arg-type]
    assert [Path(path).name for path in found] == ["a_2020.csv", "b_2021.csv"]
    found = inspection.paths_of(ONLINE_RETAIL, str(tmp_path / "b*"), None, True, single=True)  # type: ignore[arg-type]
    assert [Path(path).name for path in found] == ["b_2021.csv"]
    with pytest.raises(inspection.LoadRefused, match="there is no file .*missing"):
        inspection.paths_of(ONLINE_RETAIL, str(tmp_path / "missing"), None, True, single=True)  # type: ignore[arg-type]
