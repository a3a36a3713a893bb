"""A build as of a day in the past: nothing in a published table depends on what came later.

One warehouse has all raw rows and was built as of the newest day before; of the other one the rows after the day were
cut off by hand. As of the day both publish the same.
"""

from __future__ import annotations

from pathlib import Path

import harness

AS_OF, ZONE = "2025-03-31", "America/Los_Angeles"
PLAIN = "^20[0-9]{2}-[0-9]{2}-[0-9]{2}( [0-9:.]+)?$"  # no zone of its own
# When a raw row came to be known, as the demo writes it; rows with dates in other forms stay, for the build to find.
KNOWN_AT = {
    "crm_customers": ("registered_at", "updated_at"),
    "crm_consents": ("recorded_at",),
    "crm_service_tickets": ("opened_at",),
    "crm_contracts": ("started_at",),
    "shop_orders": ("ordered_at",),
    "shop_inventory": ("stock_date",),
    "app_events": ("occurred_at",),
    "app_experiments": ("assigned_at",),
    "ads_impressions": ("shown_at",),
    "partner_members": ("updated_at",),
}


def cut(server: harness.Server, table: str, keep: str) -> int:
    """Keep the rows of a raw table that meet a condition; returns how many went."""
    before = server.query(f"select count(*) from raw.{table}")[0][0]
    server.query(f"create table raw.{table}__cut using parquet as select * from raw.{table} where {keep}")
    server.query(f"drop table raw.{table}")
    server.query(f"alter table raw.{table}__cut rename to raw.{table}")
    return before - server.query(f"select count(*) from raw.{table}")[0][0]


def cut_after(server: harness.Server, day: str) -> None:
    """Cut every raw table off at the end of a day, by the local time that its rows state."""
    is_late = f"order_id is not null and substr(ordered_at, 1, 10) > '{day}' and ordered_at rlike '{PLAIN}'"
    late = f"select order_id from raw.shop_orders where {is_late}"
    cut(server, "shop_order_items", f"order_id is null or order_id not in ({late})")
    for table, columns in KNOWN_AT.items():
        keep = [f"coalesce(substr({name}, 1, 10) <= '{day}' or {name} not rlike '{PLAIN}', true)" for name in columns]
        assert cut(server, table, " and ".join(keep)) > 0, table


FACTS = ("fct_events", "fct_ad_impressions")


def test_what_came_later_makes_no_difference(tmp_path: Path) -> None:
    """And a look into the past leaves nothing behind: the next build of today is what the one before it was."""
    found, zone = {}, f"business_timezone: {ZONE}"
    homes = {name: tmp_path / name for name in ("whole", "past")}
    for home in homes.values():
        harness.run_dbt("run-operation", "generate_demo_data", "--args", "{customers: 400}", home=home)

    def read(name: str, home: Path, *tables: str) -> dict[str, tuple]:
        with harness.serving(harness.embedded_settings(home), tmp_path / f"{name}.log") as server:
            if tables:
                return {table: harness.content(server, f"marketing.{table}") for table in tables}
            days = "greatest((select max(order_date) from marketing.fct_orders), max(event_date))"
            assert str(server.query(f"select {days} from marketing.fct_events")[0][0]) == AS_OF
            return harness.contents(server, ("marketing",))

    harness.run_dbt("build", "-s", "+gate_core", "--vars", f"{{{zone}}}", home=homes["whole"])
    today = read("today", homes["whole"], *FACTS)
    with harness.serving(harness.embedded_settings(homes["past"]), tmp_path / "cutting.log") as server:
        cut_after(server, AS_OF)
    for name, home in homes.items():
        harness.run_dbt("build", "--vars", f"{{as_of_date: '{AS_OF}', {zone}}}", home=home)
        found[name] = read(name, home)
    assert len(found["past"]) > 40
    harness.assert_same(found["whole"], found["past"])
    harness.run_dbt("build", "-s", "+gate_core", "--vars", f"{{{zone}}}", home=homes["whole"])
    harness.assert_same(read("again", homes["whole"], *FACTS), today)
