"""Each preset on a small sample in the published layout of its data set, loaded by its YAML alone."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness
from precision_marketing.loading import inspection, loader
from precision_marketing.loading.mapping import presets, read

DATABASE, TABLES = loader.contract(harness.ROOT, "raw_presets")

SAMPLES = Path(__file__).parents[2] / "support" / "samples"
# Rows by raw table, and a query that has one row with what the sample says.
EXPECTED: dict[str, tuple[dict[str, int], str, tuple]] = {
    "uci_online_retail": (
        {"shop_orders": 3, "shop_order_items": 4, "shop_products": 3, "crm_customers": 2},
        "select sum(double(quantity) * double(unit_price)), count_if(customer_id is null), "
        "count_if(status = 'cancelled') "
        "from shop_order_items join shop_orders using (order_id)",
        (pytest.approx(12 * 6.95 + 12 * 6.75 - 12 * 2.95), 1, 1),
    ),
    "complete_journey": (
        {
            "shop_orders": 2, "shop_order_items": 3, "shop_products": 2, "shop_stores": 2, "crm_customers": 3,
            "ads_campaigns": 1, "ads_impressions": 2,
        },
        "select sum(double(quantity) * double(unit_price)) - max(double(discount_amount)), max(coupon_id), "
        "min(ordered_at) "
        "from shop_order_items join shop_orders using (order_id)",
        (pytest.approx(3.86 + 2 + 18), "10000085207", "2017-01-28T19:06:53Z"),
    ),
    "olist": (
        {"shop_orders": 2, "shop_order_items": 3, "shop_products": 2, "crm_customers": 1},
        "select max(province), sum(double(shipping_amount)), count_if(status = 'cancelled'), "
        "count(distinct customer_id) "
        "from shop_orders cross join (select province from crm_customers)",
        ("BA", pytest.approx(2 * 8.72 + 22.76), 1, 1),
    ),
    "superstore": (
        {"shop_orders": 2, "shop_order_items": 3, "shop_products": 3, "crm_customers": 2},
        "select sum(double(quantity) * double(unit_price)), max(ordered_at), min(ordered_at) "
        "from shop_order_items join shop_orders using (order_id)",
        (pytest.approx(261.96 + 731.94 + 14.62), "2016-11-08", "2016-06-12"),
    ),
    "instacart": (
        {"shop_orders": 4, "shop_order_items": 5, "shop_products": 3, "crm_customers": 2},
        "select min(ordered_at), max(ordered_at), count(*) from shop_orders where customer_id = '1'",
        ("2017-06-01 08:00:00", "2017-06-30 08:00:00", 3),
    ),
    "retailrocket": (
        {"app_events": 3, "shop_products": 3},
        "select max(category), min(occurred_at), count_if(event_type = 'purchase') from app_events",
        ("1338", "2015-06-02T05:02:12.117000Z", 1),
    ),
    "tmall": (
        {"app_events": 3, "shop_products": 2, "crm_customers": 2},
        "select max(occurred_at), count_if(event_type = 'favourite'), (select max(gender) from crm_customers) "
        "from app_events",
        ("20141111", 1, "male"),
    ),
}  # fmt: skip


def test_every_preset_has_a_sample() -> None:
    assert sorted(folder.name for folder in SAMPLES.iterdir()) == sorted(EXPECTED) == presets()


@pytest.mark.parametrize("preset", EXPECTED)
def test_a_sample_is_loaded(spark, preset: str) -> None:
    """As `load` does, but without exchanging all raw tables."""
    session, mapping = spark.newSession(), read(preset)
    rows, sql, right = EXPECTED[preset]
    session.sql(f"create database {DATABASE}")
    try:
        found = inspection.inspect(session, mapping, str(SAMPLES / preset), True)
        assert inspection.refusals(found, 0.0, inspection.MOST_UNREADABLE) == []
        for each in mapping.inputs:
            loader.write_input(session, each, [file for file in found if file.input is each], DATABASE, True)
        for table, parts in mapping.tables.items():
            session.sql(loader.query(mapping, parts, TABLES[table]["columns"])).cache().createOrReplaceTempView(table)
        assert {table: session.table(table).count() for table in mapping.tables} == rows
        assert tuple(session.sql(sql).collect()[0]) == right
    finally:
        session.catalog.clearCache()
        session.sql(f"drop database {DATABASE} cascade")
