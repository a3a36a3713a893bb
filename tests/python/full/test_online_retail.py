"""UCI Online Retail through the whole warehouse: every published figure can be read back."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

import harness


@pytest.fixture(scope="module")
def retail(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Server]:
    """Loaded and built by the README's own commands."""
    home = tmp_path_factory.mktemp("retail")
    path = shared_data / "online_retail" / "online_retail.csv.gz"
    printed = harness.run_printed("README.md", "uci_online_retail", home, online_retail_csv_gz=str(path))
    assert "ERROR=0 SKIP=0" in printed and "not published" not in printed, printed[-4000:]
    settings = harness.embedded_settings(home / "retail-warehouse")
    with harness.serving(settings, tmp_path_factory.mktemp("logs") / "server.log") as server:
        yield server


def test_the_page_prints_the_same_commands() -> None:
    readme, page = ((harness.ROOT / name).read_text() for name in ("README.md", "docs/real_data.md"))
    starts = ("export", "python -m precision_marketing.load_files")
    commands = [line for line in readme.splitlines() if "retail" in line and line.startswith(starts)]
    assert len(commands) == 2 and all(line in page.splitlines() for line in commands)


def test_known_figures(retail: harness.Server) -> None:
    """Design figures of the data set, from staging plus rejected rows."""
    lines, anonymous, undescribed, cancelled, total = retail.query(
        """
        select
            count(*), count_if(o.customer_id is null), count_if(i.description is null),
            count_if(o.status = 'cancelled'), sum(i.quantity * i.unit_price)
        from marketing_staging.stg_shop__order_items i
        join marketing_staging.stg_shop__orders o on i.order_id = o.order_id
        """
    )[0]
    rejected = retail.query("select count(*) from marketing_staging.stg_shop__order_items__rejected")[0][0]
    assert lines + rejected == 541_909 and rejected == 0
    assert (anonymous, undescribed, cancelled) == (135_080, 1_454, 9_288)
    assert total == Decimal("9747747.934")
    orders = retail.query(
        "select count(*), cast(min(ordered_at) as string), cast(max(ordered_at) as string) "
        "from marketing_staging.stg_shop__orders"
    )
    assert orders == [(25_900, "2010-12-01 08:26:00", "2011-12-09 12:50:00")]
    assert retail.query("select count(*) from marketing_staging.stg_crm__customers") == [(4_372,)]


def test_net_sales_reconcile_to_the_cent(retail: harness.Server) -> None:
    for table in ("fct_orders", "fct_order_items"):
        assert retail.query(f"select sum(net_amount) from marketing.{table}") == [(Decimal("9747747.9340"),)]


def test_every_raw_row_is_accounted_for(retail: harness.Server) -> None:
    rows = retail.query(
        "select raw_table, raw_rows, staged_rows, rejected_rows, duplicate_rows "
        "from marketing_quality.staging_row_counts"
    )
    assert {name: raw for name, raw, *_ in rows}["shop_order_items"] == 541_909
    for name, raw, *parts in rows:
        assert raw == sum(parts), name


def test_rfm_equals_pandas_on_the_csv(retail: harness.Server, shared_data: Path) -> None:
    """Recency, frequency and monetary value of all customers, from the file itself."""
    lines = pd.read_csv(shared_data / "online_retail" / "online_retail.csv.gz", dtype={"InvoiceNo": str})
    lines = lines[lines["CustomerID"].notna() & ~lines["InvoiceNo"].str.startswith("C")]
    lines["amount"] = (lines["Quantity"] * lines["UnitPrice"]).round(6)
    # An invoice's instant is its first line's: a few invoices cross a minute.
    invoices = lines.groupby("InvoiceNo").agg(
        customer=("CustomerID", "first"), at=("InvoiceDate", "min"), amount=("amount", "sum")
    )
    invoices["day"] = pd.to_datetime(invoices["at"]).dt.normalize()
    expected = invoices.groupby("customer").agg(
        last=("day", "max"), frequency=("day", "size"), monetary=("amount", "sum")
    )
    expected.index = expected.index.astype(int).astype(str)
    found = pd.DataFrame(
        retail.query(
            "select customer_id, recency_days, frequency, cast(monetary as double) from marketing.customer_rfm"
        ),
        columns=["customer_id", "recency_days", "frequency", "monetary"],
    ).set_index("customer_id")
    assert len(found) == 4_372
    buyers = found.loc[expected.index]
    assert (buyers["recency_days"] == (pd.Timestamp("2011-12-09") - expected["last"]).dt.days).all()
    assert (buyers["frequency"] == expected["frequency"]).all()
    assert (buyers["monetary"] - expected["monetary"]).abs().max() < 1e-3
    assert (found.drop(expected.index)["frequency"] == 0).all()


def test_monthly_net_sales_by_country_equal_pandas_on_the_csv(retail: harness.Server, shared_data: Path) -> None:
    """A customer's country is in `province`: that of the newest line, where a customer has several."""
    lines = pd.read_csv(shared_data / "online_retail" / "online_retail.csv.gz", dtype={"InvoiceNo": str})
    newest = lines.sort_values(["InvoiceDate", "Country"]).groupby("CustomerID")["Country"].last()
    lines = lines[lines["CustomerID"].notna() & ~lines["InvoiceNo"].str.startswith("C")]
    first = lines.groupby("InvoiceNo")["InvoiceDate"].transform("min")
    amounts = (lines["Quantity"] * lines["UnitPrice"]).round(6)
    expected = amounts.groupby([first.str[:7], lines["CustomerID"].map(newest)]).sum()
    found = {
        (month, country): amount
        for month, country, amount in retail.query(
            """select date_format(o.order_date, 'yyyy-MM'), c.province, cast(sum(o.net_amount) as double)
            from marketing.fct_orders o join marketing.dim_customers c on o.customer_id = c.customer_id
            where not o.is_cancelled group by all"""
        )
    }
    assert found.keys() == set(expected.index) and len({country for _, country in found}) > 30
    assert max(abs(found[key] - amount) for key, amount in expected.items()) < 1e-3


def test_segments_are_significant(retail: harness.Server) -> None:
    sizes = retail.query("select customers from marketing.segment_profiles where segment_id <> 0")
    assert len(sizes) >= 3 and min(size for (size,) in sizes) > 100
    assert retail.query("select significant from marketing.segment_validation where metric = 'clv'") == [(True,)]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("missing.csv", None, "there is no file"),
        ("columns.csv", "InvoiceNo,StockCode,Quantity\n1,a,2\n", "lacks columns: Description, InvoiceDate"),
        ("truncated.csv.gz", b"\x1f\x8b\x08\x00garbage", "damaged or breaks off"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_named(tmp_path: Path, name: str, text, expected: str) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = harness.load_files("uci_online_retail", str(path), home=tmp_path / "home", check=False)
    assert result.returncode == 1 and expected in result.stderr and name in result.stderr, result.stderr
    assert "Traceback" not in result.stdout + result.stderr
