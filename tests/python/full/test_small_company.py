"""A small wholesaler whose shape breaks models: sixty membership levels, order values over five powers of ten, two
currencies and refunds. What can be learned is learned, and the tables say what was not.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

import harness

CUSTOMERS, LEVELS = 400, 60
NOTHING = "cast(null as string)"
ORDERS = f"""
    select c, k, cast(pmod(xxhash64(c, k, 'd'), 430000) as int) as minute
    from (select id as c from range({CUSTOMERS}))
    lateral view explode(sequence(1, 1 + cast(pmod(xxhash64(c), 5) as int))) as k
"""
# Table: columns, and the rows that they are computed from.
RAW = {
    "crm_customers": (
        {
            "customer_id": "concat('c', id)", "name": NOTHING, "phone": NOTHING, "email": NOTHING, "id_number": NOTHING,
            "gender": NOTHING, "birth_date": NOTHING, "province": NOTHING, "city": NOTHING, "address": NOTHING,
            "membership_level": f"concat('Tier ', id % {LEVELS})", "membership_expires_at": NOTHING,
            "registered_at": NOTHING, "updated_at": "'2020-01-01'",
        },
        f"range({CUSTOMERS})",
    ),
    "shop_orders": (
        {
            "order_id": "concat('o', c, '-', k)", "customer_id": "concat('c', c)", "store_id": NOTHING,
            "channel": "'web'", "status": "'completed'",
            "ordered_at": """date_format(
                timestampadd(MINUTE, minute, timestamp '2021-01-01 04:00:00'), 'yyyy-MM-dd HH:mm:ss')""",
            "paid_at": NOTHING, "discount_amount": NOTHING, "shipping_amount": NOTHING, "coupon_id": NOTHING,
            "currency": NOTHING,
        },
        f"({ORDERS})",
    ),
    "shop_order_items": (
        {
            "order_item_id": "concat('o', c, '-', k, '-1')", "order_id": "concat('o', c, '-', k)",
            "product_id": "concat('p', pmod(xxhash64(c, k), 9))", "quantity": "'1'",
            "unit_price": """string(round(pow(10D, 4D * pmod(xxhash64(c, 'v'), 1000) / 1000D
                + pmod(xxhash64(c, k, 'w'), 1000) / 1000D), 2))""",
        },
        f"({ORDERS})",
    ),
}  # fmt: skip
# An order in dollars with a refund weeks later, when the dollar was worth more; one in yen, of which no rate is known.
ROWS = {
    "shop_orders": [
        "'usd', 'abroad', null, 'web', 'completed', '2021-06-15 08:00:00', null, '20', null, null, 'USD'",
        "'jpy', 'abroad', null, 'web', 'completed', '2021-06-16 08:00:00', null, null, null, null, 'JPY'",
    ],
    "shop_order_items": ["'usd-1', 'usd', 'p-usd', '2', '110'", "'jpy-1', 'jpy', 'p-usd', '1', '5000'"],
    "fx_rates": ["'USD', '2021-06-01', '0.5'", "'USD', '2021-07-01', '0.8'"],
    "shop_refunds": [
        "'r1', 'usd', 'usd-1', '40', '2021-08-02 08:00:00'",
        "'r2', 'usd', 'usd-1', '40', '2021-06-01 08:00:00'",
        "'r3', 'unknown', null, '1', '2021-08-02 08:00:00'",
    ],
}
NEW = {
    "fx_rates": "currency string, rate_date string, rate string",
    "shop_refunds": "refund_id string, order_id string, order_item_id string, amount string, refunded_at string",
}
SELECTED = ("+churn_risk", "+churn_drivers", "+customer_lifetime_value", "+daily_sales", "+fct_refunds")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Server]:
    home = tmp_path_factory.mktemp("company")
    with harness.serving(harness.embedded_settings(home), home / "loading.log") as server:
        harness.create_raw_tables(server, RAW)
        for table, columns in NEW.items():
            server.query(f"create table raw.{table} ({columns}) using parquet")
        for table, rows in ROWS.items():
            server.query(f"insert into raw.{table} values {', '.join(f'({row})' for row in rows)}")
    built = harness.run_dbt("build", "-s", *SELECTED, "--vars", "{reporting_currency: EUR}", home=home)
    assert "ERROR=0" in built.stdout, built.stdout[-4000:]
    with harness.serving(harness.embedded_settings(home), home / "server.log") as server:
        yield server


def test_rare_levels_are_one_level_and_churn_is_scored(company: harness.Server) -> None:
    levels = [
        level for (level,) in company.query(
            "select level from marketing_build.churn_drivers where covariate = 'membership_level'"
        )
    ]  # fmt: skip
    assert "(other)" in levels and len(levels) < LEVELS
    scored, alive = company.query(
        "select count(*), count_if(survival_90d between 0 and 1) from marketing_build.churn_risk"
    )[0]
    assert scored == alive and scored >= CUSTOMERS


def test_values_too_unequal_are_valued_otherwise_and_say_so(company: harness.Server) -> None:
    customers, alive, valued, said = company.query(
        """select count(*), count(probability_alive), count(clv_12m), count_if(value_reason like '%so unequal%')
        from marketing_build.customer_lifetime_value"""
    )[0]
    assert customers >= CUSTOMERS and (alive, valued, said) == (customers,) * 3


def test_amounts_are_converted_at_the_rate_of_the_order(company: harness.Server) -> None:
    found = company.query(
        """select gross_amount, discount_amount, net_amount, refunded_amount, currency, exchange_rate
        from marketing_build.fct_orders where customer_id = 'abroad'"""
    )
    assert found == [(Decimal(110), Decimal(10), Decimal(100), Decimal(20), "USD", 0.5)]
    rejected = company.query("select _reject_reason from marketing_staging.stg_shop__orders__rejected")
    assert [reason for (reason,) in rejected] == ["currency: no rate"]


def test_a_refund_reduces_sales_on_its_own_day(company: harness.Server) -> None:
    days = company.query(
        """select string(sales_date), net_amount, refunded_amount from marketing_build.daily_sales
        where product_id = 'p-usd' order by sales_date"""
    )
    assert days == [("2021-06-15", Decimal(100), Decimal(0)), ("2021-08-02", Decimal(-20), Decimal(20))]
    refunds = company.query(
        "select refund_id, amount, original_amount, string(refund_date) from marketing_build.fct_refunds"
    )
    assert refunds == [("r1", Decimal(20), Decimal(40), "2021-08-02")]
    reasons = company.query("select _reject_reason from marketing_staging.stg_shop__refunds__rejected order by 1")
    assert reasons == [("order_id: unknown order",), ("refunded_at: before the order",)]
    monetary = company.query("select monetary from marketing_build.customer_rfm where customer_id = 'abroad'")
    assert monetary == [(Decimal(80),)]
