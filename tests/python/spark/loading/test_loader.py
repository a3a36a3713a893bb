"""Loading through Spark: raw tables are replaced all at once, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness
from precision_marketing.loading import inspection, loader
from precision_marketing.loading.mapping import MappingError, parse, presets, read

SHOP = """\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
700001,A10,MUG,2,2021-03-01 09:15:00,"2,50",50001.0,United Kingdom
700001,A11,TRAY,1,2021-03-01 09:15:00,"7,00",50001.0,United Kingdom
700002,A10,"MUG, BIG",4,2021-03-02 10:00:00,"2,50",50002.0,France
C700003,A10,MUG,-1,2021-03-13 11:00:00,"2,50",50001.0,United Kingdom
700004,A12,PEN,10,2021-03-04 12:00:00,"0,40",,Germany
"""
DATABASE, TABLES = loader.contract(harness.ROOT, "raw_loading")


@pytest.fixture
def session(spark):
    """A session of its own, and a raw database that is gone afterwards."""
    own = spark.newSession()
    yield own
    own.sql(f"drop database if exists {DATABASE} cascade")


def load(session, path: Path, force: bool = False, most_refused: float = 0.3) -> dict[str, int]:
    mapping = read("uci_online_retail")
    found = inspection.inspect(session, mapping, str(path), True)
    problems = inspection.refusals(found, most_refused, inspection.MOST_UNREADABLE)
    if problems:
        raise inspection.LoadRefused("\n".join(problems))
    return loader.load(session, mapping, found, DATABASE, TABLES, True, force)


def table(session, name: str, columns: str = "*") -> list[tuple]:
    return [tuple(row) for row in session.sql(f"select {columns} from {DATABASE}.{name}").collect()]


def test_a_shop_is_loaded_with_an_account_of_every_line(session, tmp_path: Path) -> None:
    path = tmp_path / "retail.csv"
    path.write_text(SHOP + "700005,A11,TRAY, LARGE,1,2021-03-05 09:15:00,7,50002.0,France\n")
    assert load(session, path) == {"shop_orders": 4, "shop_order_items": 5, "shop_products": 3, "crm_customers": 2}
    assert table(session, "shop_order_items", "sum(double(quantity) * double(unit_price))") == [(23.5,)]
    assert sorted(table(session, "crm_customers", "customer_id, province")) == [
        ("50001", "United Kingdom"),
        ("50002", "France"),
    ]
    assert sorted(table(session, "shop_products", "product_name")) == [("MUG",), ("PEN",), ("TRAY",)]
    account = table(session, "load_files", "lines, header_lines, blank_lines, records, refused")
    assert account == [(7, 1, 0, 5, 1)]
    assert [(row[1:3]) for row in table(session, "load_refused", "file, line, reason")] == [
        (7, "9 fields instead of 8")
    ]
    assert {row.tableName for row in session.sql(f"show tables in {DATABASE}").collect() if not row.isTemporary} == {
        *TABLES, "load_files", "load_refused",
    }  # fmt: skip
    assert table(session, "app_events") == []


def test_a_bad_file_leaves_the_tables_of_yesterday(session, tmp_path: Path) -> None:
    path = tmp_path / "retail.csv"
    path.write_text(SHOP)
    load(session, path)
    before = {name: loader.checksum(session, f"{DATABASE}.{name}") for name in TABLES}
    for content in ("", SHOP.splitlines()[0] + "\n", SHOP[: SHOP.index("France") - 9], SHOP.replace("Country", "Land")):
        path.write_text(content)
        with pytest.raises(inspection.LoadRefused):
            load(session, path, most_refused=0.01)
        assert {name: loader.checksum(session, f"{DATABASE}.{name}") for name in TABLES} == before


def test_rows_that_no_loader_wrote_are_not_replaced(session, tmp_path: Path) -> None:
    path = tmp_path / "retail.csv"
    path.write_text(SHOP)
    session.sql(f"create database {DATABASE}")
    session.sql(f"create table {DATABASE}.shop_stores using parquet as select '1' as store_id")
    with pytest.raises(inspection.LoadRefused, match="shop_stores holds rows that no loader wrote"):
        load(session, path)
    assert table(session, "shop_stores") == [("1",)]
    load(session, path, force=True)
    assert table(session, "shop_stores") == []


def test_a_load_that_was_killed_between_two_tables_is_told_and_healed(session, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "retail.csv"
    path.write_text(SHOP)
    load(session, path)
    tables = list(TABLES)
    kind = loader._kind

    def killed(session, database: str, name: str) -> str | None:
        if name == tables[5]:
            raise KeyboardInterrupt
        return kind(session, database, name)

    path.write_text(SHOP.replace("700001", "800001"))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loader, "require_no_company_data", lambda *_: None)
        patch.setattr(loader, "_kind", killed)
        load(session, path)
    assert session.catalog.tableExists(f"{DATABASE}.{loader.EXCHANGING}")  # a build refuses to run now
    with monkeypatch.context() as patch, pytest.raises(inspection.LoadRefused):
        patch.setattr(loader, "_recount", lambda *_: (_ for _ in ()).throw(inspection.LoadRefused("changed")))
        load(session, path)
    assert session.catalog.tableExists(f"{DATABASE}.{loader.EXCHANGING}")  # still
    load(session, path)
    assert not session.catalog.tableExists(f"{DATABASE}.{loader.EXCHANGING}")
    assert ("800001",) in table(session, "shop_orders", "order_id")
    assert {row.tableName for row in session.sql(f"show tables in {DATABASE}").collect() if not row.isTemporary} == {
        *TABLES, "load_files", "load_refused",
    }  # fmt: skip


@pytest.mark.parametrize("preset", presets())
def test_the_queries_of_a_preset_fit_the_columns_of_its_files(session, preset: str) -> None:
    loader.check_queries(session, read(preset), TABLES)


def test_a_query_that_does_not_fit_is_told_before_anything_is_read(session) -> None:
    mapping = parse(
        {
            "files": {"a": {"columns": {"x": "key"}}},
            "tables": {"shop_stores": {"from": "a", "columns": {"store_id": "y"}}},
        },
        "mine",
    )
    with pytest.raises(MappingError, match=r"tables\.shop_stores: .*y"):
        loader.check_queries(session, mapping, TABLES)
