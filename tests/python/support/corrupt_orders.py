"""Raw orders of which some are corrupt, and a build from them."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

import harness

ORDERS = """
    select
        cast(id as string) as order_id, concat('c', id % 10) as customer_id, 's1' as store_id, 'web' as channel,
        'completed' as status, '2024-05-01 10:00:00' as ordered_at, cast(null as string) as paid_at,
        '0' as discount_amount, '0' as shipping_amount, cast(null as string) as coupon_id
    from range(100)
"""

# A CRM that stores the keys of the same customers as numbers.
CUSTOMERS = """
    select
        concat(id, '.0') as customer_id, '' as name, '' as phone, '' as email, '' as id_number, 'f' as gender,
        '1980-02-29' as birth_date, '' as province, '' as city, '' as address, '' as membership_level,
        '' as membership_expires_at, '2020-01-01' as registered_at, '2021-01-01' as updated_at
    from range(10)
"""

# By reason: (columns that make a row unusable, how often)
CORRUPT = {
    "order_id: missing": {"order_id": "null"},
    "ordered_at: missing": {"ordered_at": "null"},
    "ordered_at: unreadable": {"ordered_at": "'not a date'"},
    "ordered_at: impossible date": {"ordered_at": "if(id = 0, '1900-01-01', '2999-12-31')"},
    "discount_amount: unreadable": {"discount_amount": "'ten'"},
}


def statements(raw: str, bad_of_each: int) -> list[str]:
    """Statements that make raw orders: 100 good ones, 7 copies of good ones, and bad ones of each kind."""
    names = re.findall(r" as (\w+)(?:,|\n)", ORDERS)
    parts = [ORDERS, ORDERS.replace("range(100)", "range(7)")]
    for number, changes in enumerate(CORRUPT.values()):
        columns = {name: "cast(null as string)" for name in names}
        columns |= {"order_id": f"concat('bad{number}-', id)", "ordered_at": "'2024-05-01'", **changes}
        select = ", ".join(f"cast({value} as string) as {name}" for name, value in columns.items())
        parts.append(f"select {select} from range({bad_of_each})")
    return [
        f"drop database if exists {raw} cascade",
        f"create database {raw}",
        f"create table {raw}.shop_orders using parquet as " + " union all ".join(parts),
    ]


def build(
    home: Path, server: harness.Server, bad_of_each: int, *, strange_crm: bool = False
) -> tuple[str, subprocess.CompletedProcess[str]]:
    """dbt build of what RFM values need, from ``bad_of_each`` bad orders of each kind: its schema and how it ended.

    There is no CRM, or a ``strange_crm`` whose keys are not those of the orders. Rejected are the bad ones, each for
    its reason, and nothing is lost.
    """
    raw, schema = f"raw_corrupt{bad_of_each}", f"corrupt{bad_of_each}"
    for statement in statements(raw, bad_of_each):
        server.query(statement)
    if strange_crm:
        server.query(f"create table {raw}.crm_customers using parquet as {CUSTOMERS}")
    result = harness.run_dbt(
        "build", "--target", "thrift", "--select", "+customer_rfm",
        "--indirect-selection", "buildable", "--exclude-resource-type", "unit_test",
        "--vars", f"{{raw_database: {raw}}}",
        home=home, check=False, MARKETING_SCHEMA=schema, **server.environment,
    )  # fmt: skip
    rejected = server.query(f"select reject_reason from {schema}_staging.stg_shop__orders__rejected")
    assert Counter(reason for (reason,) in rejected) == dict.fromkeys(CORRUPT, bad_of_each), result.stdout
    assert server.query(f"select count(*), sum(duplicate_rows) from {schema}_staging.stg_shop__orders") == [(100, 7)]
    return schema, result
