"""A shop unlike the demo: no CRM, no ads, carts that are not recorded, 20,000 products, sixty days, in Los Angeles.

Customers come back two days later for what they looked at. Everything builds; what cannot be known is said; no champion
is below its baseline.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import harness

ZONE = "America/Los_Angeles"
CUSTOMERS, PRODUCTS, DAYS = 600, 20_000, 60
# View k of customer c: its product, of a taste that every sixth customer shares, and its minute. He buys the product
# of the first three two days later.
VIEWS = f"""
    select c, k, c % 6 + 6 * cast(pow(pmod(xxhash64(c, k, 'p'), 1000) / 1000D, 2) * 300 as int) as p,
        cast(pmod(xxhash64(c, k, 't'), {DAYS * 1440 - 4000}) as int) as minute
    from (select id as c from range({CUSTOMERS})) lateral view explode(sequence(1, 12)) as k
"""
NOTHING = "cast(null as string)"


def after(minutes: str) -> str:
    return f"date_format(timestampadd(MINUTE, {minutes}, timestamp '2025-01-01 00:00:00'), 'yyyy-MM-dd HH:mm:ss')"


# Table: columns, and the rows that they are computed from.
RAW = {
    "shop_products": (
        {
            "product_id": "concat('p', id)", "product_name": "concat('product ', id)",
            "category": "concat('group ', id % 6)", "brand": "concat('brand ', id % 40)",
            "list_price": "string(10 + id % 90)", "unit_cost": "'5'", "launched_at": "'2024-01-01'",
        },
        f"range({PRODUCTS})",
    ),
    "app_events": (
        {
            "event_id": "concat(c, '-', k)", "customer_id": "concat('c', c)", "anonymous_id": "concat('d', c)",
            "event_type": "'view'", "product_id": "concat('p', p)", "category": "concat('group ', c % 6)",
            "occurred_at": after("minute"), "device_type": "'mobile'", "latitude": NOTHING, "longitude": NOTHING,
        },
        f"({VIEWS})",
    ),
    "shop_orders": (
        {
            "order_id": "concat('o', c, '-', k)", "customer_id": "concat('c', c)", "store_id": NOTHING,
            "channel": "'web'", "status": "'paid'", "ordered_at": after("minute + 2880"), "paid_at": NOTHING,
            "discount_amount": "'0'", "shipping_amount": "'0'", "coupon_id": NOTHING,
        },
        f"({VIEWS}) where k <= 3",
    ),
    "shop_order_items": (
        {
            "order_item_id": "concat('o', c, '-', k, '-1')", "order_id": "concat('o', c, '-', k)",
            "product_id": "concat('p', p)", "quantity": "'1'", "unit_price": "string(10 + p % 90)",
        },
        f"({VIEWS}) where k <= 3",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Server]:
    home = tmp_path_factory.mktemp("shop")
    with harness.serving(harness.embedded_settings(home), home / "loading.log") as server:
        harness.create_raw_tables(server, RAW)
    built = harness.run_dbt("build", "--vars", f"{{business_timezone: {ZONE}}}", home=home)
    assert "ERROR=0 SKIP=0" in built.stdout and "not published" not in built.stdout, built.stdout[-4000:]
    with harness.serving(harness.embedded_settings(home), home / "server.log") as server:
        yield server


def test_verdicts_say_what_cannot_be_known(shop: harness.Server) -> None:
    rows = shop.query("select model_name, verdict, champion, gain, is_baseline, reason from marketing.model_verdicts")
    for row in rows:
        print(*row)
    verdicts = {name: verdict for name, verdict, *_ in rows}
    assert {name for name, verdict in verdicts.items() if verdict == "none"} >= {"churn", "click", "gender", "purchase"}
    assert all(gain is None or gain > 0 or is_baseline for _, _, _, gain, is_baseline, _ in rows)
    assert verdicts["recommendation"] != "none" and all(reason for *_, reason in rows)


def test_customers_come_back_for_what_they_looked_at(shop: harness.Server) -> None:
    champion = shop.query("select champion from marketing.model_verdicts where model_name = 'recommendation'")[0][0]
    assert "resume" in champion
    customers, first = shop.query(
        """select count(distinct customer_id), count_if(method = 'resume' and rank = 1)
        from marketing.product_recommendations"""
    )[0]
    assert customers == CUSTOMERS and first > 0.9 * CUSTOMERS


def test_orders_without_carts_are_seen(shop: harness.Server) -> None:
    closed, open_, exceeds = shop.query(
        """select sum(touchpoints), sum(touchpoints_in_any_order), count_if(exceeds_earlier_step)
        from marketing.conversion_funnel where step = 'order'"""
    )[0]
    found = shop.query("select count(distinct session_id) from marketing_build.int_order_visits")[0][0]
    assert closed == 0 and open_ == found and (exceeds > 0) == (found > 0)


def test_days_are_those_of_the_shop(shop: harness.Server) -> None:
    orders, first, last = shop.query("select count(*), min(order_date), max(order_date) from marketing.fct_orders")[0]
    assert orders == 3 * CUSTOMERS and str(first) >= "2025-01-03" and str(last) < "2025-03-02"
    wrong = """select count(*) from marketing.fct_orders f join raw.shop_orders r on f.order_id = r.order_id
        where string(f.order_date) <> substr(r.ordered_at, 1, 10)"""
    assert shop.query(wrong) == [(0,)]
