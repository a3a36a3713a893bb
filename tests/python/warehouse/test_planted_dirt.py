"""The demo's planted defects, found again in staging.

``pytest tests/python/warehouse/test_planted_dirt.py -s`` prints the table of docs/cleaning.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

import harness


def local_day(column: str) -> str:
    return f"to_date(from_utc_timestamp({column}, 'Asia/Shanghai'))"


# Key of a staged row, as demo_truth.dirt writes it.
KEYS = {
    "crm_customers": "s.customer_id",
    "crm_consents": f"concat_ws('|', s.customer_id, s.purpose, s.channel, {local_day('s.recorded_at')})",
    "crm_service_tickets": "s.ticket_id",
    "shop_products": "s.product_id",
    "shop_orders": "s.order_id",
    "shop_order_items": "s.order_item_id",
    "shop_inventory": "concat_ws('|', s.store_id, s.product_id, s.stock_date)",
    "app_events": "s.event_id",
    "ads_impressions": "s.impression_id",
    "partner_members": "concat_ws('|', s.partner, s.member_id)",
}
# The column by which a raw row is joined to the staged one.
RAW_KEYS = {
    "crm_customers": "customer_id", "crm_service_tickets": "ticket_id", "shop_products": "product_id",
    "shop_orders": "order_id", "shop_order_items": "order_item_id", "app_events": "event_id",
    "ads_impressions": "impression_id",
}  # fmt: skip

# The customer a defect's row belongs to: rows of erased customers are withheld, their defects cannot be seen.
NUMBERED = "concat('C', lpad(cast(cast({} as bigint) div 1000 as string), 9, '0'))"
CUSTOMER = f"""case table_name
    when 'crm_customers' then if(kind <> 'missing_key', row_key, null)
    when 'crm_consents' then if(kind <> 'missing_key', substring_index(row_key, '|', 1), null)
    when 'crm_service_tickets' then concat('C', substr(row_key, 2))
    when 'shop_orders' then if(kind <> 'orphan', {NUMBERED.format("substr(row_key, 2)")}, null)
    when 'shop_order_items' then if(kind <> 'orphan', {NUMBERED.format("substr(row_key, 2, 12)")}, null)
    when 'app_events' then if(kind <> 'orphan', {NUMBERED.format("split(row_key, '-')[1]")}, null)
    when 'ads_impressions' then {NUMBERED.format("substr(row_key, 2)")}
end"""
# Orders with these defects are rejected, and their lines with them.
REJECTED_ORDERS = """
    select row_key from demo_truth.dirt
    where table_name = 'shop_orders'
        and kind in ('missing_key', 'not_available', 'year_1900', 'year_2999', 'day_31_feb')
"""
# Customers without a key in the CRM are truly unknown there, though nobody planted their orders as orphans.
LOST_CUSTOMERS = "select row_key from demo_truth.dirt where table_name = 'crm_customers' and kind = 'missing_key'"

# What the text of a date means, said in another way than staging does.
INSTANTS = {
    "slash_date": "to_utc_timestamp(try_to_timestamp(r.{0}, 'yyyy/M/d H:mm'), 'Asia/Shanghai')",
    "dotted_date": "to_utc_timestamp(try_to_timestamp(r.{0}, 'dd.MM.yyyy HH:mm:ss'), 'Asia/Shanghai')",
    "epoch_seconds": "timestamp_seconds(try_cast(r.{0} as bigint))",
}


class Detector(NamedTuple):
    """How staging shows defects of some kinds of a raw table: a query for the keys of the rows it holds for defects."""

    table: str
    kinds: tuple[str, ...]
    treatment: str
    keys: str


class Finding(NamedTuple):
    table: str
    kind: str
    treatment: str
    planted: int
    found: int
    false_alarms: int

    @property
    def share(self) -> float:
        return self.found / self.planted if self.planted else 1.0


def staged(table: str) -> str:
    source, _, entity = table.partition("_")
    return f"marketing_staging.stg_{source}__{entity}"


def flagged(table: str, kinds: str, treatment: str, condition: str) -> Detector:
    """Staged rows ``s`` with a condition."""
    query = f"select {KEYS[table]} from {staged(table)} as s where {condition}"
    return Detector(table, tuple(kinds.split()), treatment, query)


def read(table: str, kind: str, condition: str) -> Detector:
    """Staged rows ``s`` with a condition on them and on the raw row ``r`` of their key."""
    query = f"""select {KEYS[table]} from {staged(table)} as s
        join raw.{table} as r on s.{RAW_KEYS[table]} = r.{RAW_KEYS[table]} where {condition}"""
    return Detector(table, (kind,), "read right", query)


def rejected(table: str, kinds: str, reason: str, condition: str = "true") -> Detector:
    """Rejected rows with a reason; `s` is the raw row."""
    names = {*re.findall(r"s\.(\w+)", f"{KEYS[table]} {condition}")}
    fields = ", ".join(f"get_json_object(raw_row, '$.{name}') as {name}" for name in sorted(names))
    query = f"""select {KEYS[table]} from (
        select {fields} from {staged(table)}__rejected where reject_reason rlike '{reason}'
    ) as s where {condition}"""
    return Detector(table, tuple(kinds.split()), "rejected", query)


def instants(table: str, column: str, kinds: str) -> Iterator[Detector]:
    odd = {"slash_date": "like '%/%'", "dotted_date": "like '__.__.%'", "epoch_seconds": "rlike '^[0-9]+$'"}
    for kind in kinds.split():
        yield read(table, kind, f"r.{column} {odd[kind]} and s.{column} = {INSTANTS[kind].format(column)}")


def comma_decimal(table: str, column: str) -> Detector:
    number = f"cast(replace(r.{column}, ',', '.') as decimal(18, 4))"
    return read(table, "comma_decimal", f"r.{column} like '%,%' and s.{column} = {number}")


def spelling(table: str, *columns: str) -> Detector:
    odd = " or ".join(f"r.{column} <> s.{column}" for column in columns)
    right = " and ".join(f"s.{column} <=> lower(trim(r.{column}))" for column in columns)
    return read(table, "spelling", f"({odd}) and {right}")


DETECTORS = [
    *(
        flagged(table, kinds, "removed", "s.duplicate_rows > 0")
        for table, kinds in {
            **dict.fromkeys(KEYS, "exact_duplicate"),
            "crm_customers": "exact_duplicate older_version",
            "partner_members": "exact_duplicate older_version",
        }.items()
    ),
    flagged("crm_customers", "null_value", "null", "s.email_masked is null"),
    read("crm_customers", "phone_format",
         "r.phone like '+86 %' and s.phone_masked = regexp_replace(r.phone, '^.86 (...)-....-(....)$', '$1****$2')"),
    spelling("crm_customers", "membership_level"),
    *instants("crm_customers", "registered_at", "slash_date dotted_date epoch_seconds"),
    flagged("crm_customers", "year_1900 year_2999 day_31_feb", "made null", "s.registered_at is null"),
    Detector("crm_consents", ("spelling",), "read right", f"""
        select {KEYS["crm_consents"]} from {staged("crm_consents")} as s
        join raw.crm_consents as r on s.customer_id = r.customer_id and s.purpose = r.purpose
            and s.channel = lower(trim(r.channel)) and {local_day("s.recorded_at")} = to_date(left(r.recorded_at, 10))
        where s.channel <> r.channel"""),
    read("crm_service_tickets", "not_available", "r.satisfaction = 'N/A' and s.is_filled_satisfaction")._replace(
        treatment="filled"
    ),
    *instants("crm_service_tickets", "opened_at", "slash_date"),
    flagged("shop_products", "null_value", "null", "s.brand is null"),
    comma_decimal("shop_products", "list_price"),
    spelling("shop_products", "category"),
    flagged("shop_orders", "null_value", "null", "s.shipping_amount is null"),
    comma_decimal("shop_orders", "discount_amount"),
    spelling("shop_orders", "channel"),
    *instants("shop_orders", "ordered_at", "slash_date dotted_date epoch_seconds"),
    rejected("shop_orders", "not_available", "ordered_at: missing"),
    rejected("shop_orders", "year_1900 year_2999 day_31_feb", "ordered_at: (impossible date|unreadable)"),
    flagged("shop_orders", "orphan", "flagged", f"s.is_unknown_customer and s.customer_id not in ({LOST_CUSTOMERS})"),
    comma_decimal("shop_order_items", "unit_price"),
    rejected("shop_order_items", "not_available", "unit_price: missing"),
    flagged("shop_order_items", "outlier", "flagged", "s.is_outlier_quantity"),
    rejected("shop_order_items", "orphan", "unknown order", f"s.order_id not in ({REJECTED_ORDERS})"),
    rejected("shop_inventory", "not_available", "on_hand: missing"),
    flagged("app_events", "null_value", "null", "s.device_type is null"),
    spelling("app_events", "device_type", "category"),
    *instants("app_events", "occurred_at", "slash_date epoch_seconds"),
    rejected("app_events", "not_available", "occurred_at: missing"),
    rejected("app_events", "year_1900 year_2999 day_31_feb", "occurred_at: (impossible date|unreadable)"),
    flagged("app_events", "late", "kept",
            f"{local_day('s.occurred_at')} < try_to_date(substr(s.event_id, 2, 8), 'yyyyMMdd')"),
    flagged("app_events", "orphan", "flagged", f"s.is_unknown_customer and s.customer_id not in ({LOST_CUSTOMERS})"),
    flagged("ads_impressions", "null_value", "null", "s.cost is null"),
    spelling("ads_impressions", "device_type"),
    *instants("ads_impressions", "shown_at", "dotted_date"),
    rejected("ads_impressions", "year_2999", "shown_at: (impossible date|unreadable)"),
    flagged("ads_impressions", "orphan", "flagged", "s.is_unknown_campaign"),
]  # fmt: skip
# Rows without a key are counted: nothing says which is which.
MISSING_KEYS = {
    "crm_customers": "customer_id", "crm_consents": "customer_id", "crm_service_tickets": "ticket_id",
    "shop_orders": "order_id", "shop_order_items": "order_item_id", "app_events": "event_id",
    "ads_impressions": "impression_id", "partner_members": "member_id",
}  # fmt: skip


def planted_defects(query: Callable[[str], list[tuple]]) -> dict[tuple[str, str], dict[str, bool]]:
    """By table and kind: the keys planted, and whether staging can show the defect."""
    found: dict[tuple[str, str], dict[str, bool]] = {}
    for table, kind, key, visible in query(
        f"""select table_name, kind, row_key,
            coalesce({CUSTOMER}, '') not in (select customer_id from raw.crm_erasure_requests)
            and not (
                table_name = 'shop_order_items' and kind in ('exact_duplicate', 'comma_decimal', 'outlier')
                and substring_index(row_key, '-', 1) in ({REJECTED_ORDERS})
            )
        from demo_truth.dirt"""
    ):
        found.setdefault((table, kind), {})[key] = visible
    return found


def measure(query: Callable[[str], list[tuple]]) -> list[Finding]:
    """Planted and found defects by table and kind, in the order of DETECTORS."""
    planted = planted_defects(query)
    findings = []
    for table, kinds, treatment, sql in DETECTORS:
        keys = {key for (key,) in query(sql)}
        alarms = keys - {key for kind in kinds for key in planted.get((table, kind), {})}
        for kind in kinds:
            visible = {key for key, is_visible in planted.get((table, kind), {}).items() if is_visible}
            findings.append(Finding(table, kind, treatment, len(visible), len(visible & keys), len(alarms)))
    for table, column in MISSING_KEYS.items():
        reason = f"reject_reason like '%{column}: missing%'"
        ((count,),) = query(f"select count(*) from {staged(table)}__rejected where {reason}")
        visible = sum(planted.get((table, "missing_key"), {}).values())
        findings.append(
            Finding(table, "missing_key", "rejected", visible, min(count, visible), max(count - visible, 0))
        )
    return sorted(findings, key=lambda finding: list(KEYS).index(finding.table))


def as_markdown(findings: list[Finding]) -> str:
    lines = [
        "| raw table | defect | in staging | planted | found | share | false alarms |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{f.table}` | {f.kind} | {f.treatment} | {f.planted} | {f.found} | {f.share:.1%} | {f.false_alarms} |"
        for f in findings
    ]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def findings(served: harness.Server) -> list[Finding]:
    found = measure(served.query)
    print("\n" + as_markdown(found))
    return found


def test_every_kind_of_defect_is_looked_for(served: harness.Server, findings: list[Finding]) -> None:
    rates = served.query("select table_name, kind from demo_truth.dirt_rates")
    assert {(f.table, f.kind) for f in findings} == set(rates) and len(rates) > 50


def test_planted_defects_are_found(findings: list[Finding]) -> None:
    assert sum(f.planted for f in findings) > 5_000
    assert [f for f in findings if f.share < 0.99] == []


def test_false_alarms_are_few(findings: list[Finding]) -> None:
    assert [f for f in findings if f.false_alarms > 0.01 * max(f.planted, 100)] == []
