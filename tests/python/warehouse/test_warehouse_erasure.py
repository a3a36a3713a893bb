"""Fifty customers of the demo ask to be erased; the next build leaves no trace of them but the audit's hash."""

from __future__ import annotations

import hmac

import pytest

import harness
from precision_marketing.privacy import vault

pytestmark = pytest.mark.changes_the_warehouse

ERASED = 50
OWN_IDS = ERASED - 2
# Every layer that is computed from staging is scrubbed at the start of a run, whatever is selected.
SELECTED = ("path:models/staging", "path:models/vault", "erasure_requests", "erasure_audit")


@pytest.fixture(scope="module")
def erased(demo, served: harness.Server) -> dict[str, tuple]:
    """Phone and e-mail by customer id, of customers who are everywhere, and whose erasure a build has carried out."""
    rows = served.query(
        f"""select c.customer_id, max(c.phone), max(c.email)
        from raw.crm_customers c
        join marketing.customer_segments s on c.customer_id = s.customer_id
        join marketing.fct_orders o on c.customer_id = o.customer_id
        join marketing.fct_events e on c.customer_id = e.customer_id
        join raw.partner_members p on p.phone_hash = sha2(c.phone, 256)
        left join marketing.decision_log d on c.customer_id = d.customer_id
        where c.phone is not null and c.email is not null
        group by c.customer_id order by count(d.decision_id) = 0, xxhash64(c.customer_id) limit {ERASED}"""
    )
    assert len(rows) == ERASED
    # A second version of a fact, which shares its older months with the first, and is not approved.
    harness.run_dbt(
        "run", "--target", "thrift", "--select", "fct_events", home=demo.home, **served.environment
    )  # fmt: skip
    # One carries the number of a request that was fulfilled before, for somebody else; one has none.
    used = served.query("select min(request_id) from marketing_quality.erasure_audit where verified")[0][0]
    ids = [f"'test-{n}'" for n in range(OWN_IDS)] + [f"'{used}'", "null"]
    values = ", ".join(f"({id_}, '{row[0]}', '2025-06-30 12:00:00')" for id_, row in zip(ids, rows, strict=True))
    served.query(f"insert into raw.crm_erasure_requests values {values}")
    harness.run_dbt(
        "build", "--target", "thrift", "--select", *SELECTED, "--exclude-resource-type", "unit_test",
        home=demo.home, **served.environment,
    )  # fmt: skip
    return {customer: (phone, email) for customer, phone, email in rows}


def test_no_file_of_the_warehouse_knows_the_customer(demo, erased: dict) -> None:
    secrets = {text.encode() for customer, values in erased.items() for text in (customer, *values)}
    databases = [path for path in (demo.home / "warehouse").iterdir() if path.suffix == ".db"]
    ours = [path for path in databases if path.name.startswith("marketing")]  # others belong to other tests
    assert {path.name for path in ours} >= {
        "marketing_staging.db", "marketing_vault.db", "marketing_build.db", "marketing_quality.db"
    }  # fmt: skip
    for database in ours:
        assert harness.found_in(harness.stored_bytes(database), secrets) == set(), database.name
    raw = next(path for path in databases if path.name == "raw.db")
    assert harness.found_in(harness.stored_bytes(raw), secrets) == secrets, "the search finds what is there"


def test_versions_that_share_months_lose_the_customer_and_no_month(erased: dict, served: harness.Server) -> None:
    versions = [name for _, name, _ in served.query("show tables in marketing_build like 'fct_events__v*'")]
    assert len(versions) == 2
    found = [
        served.query(
            f"select date_format(event_month, 'yyyy-MM'), count(*), count_if(customer_id in {tuple(erased)}) "
            f"from marketing_build.{version} group by 1 order by 1"
        )
        for version in versions
    ]
    assert found[0] == found[1], "the raw table is the same"
    assert len(found[0]) > 12 and all(rows > 0 and ours == 0 for _, rows, ours in found[0])


def test_published_views_lose_the_customer_and_nobody_else(erased: dict, served: harness.Server) -> None:
    for table in ("dim_customers", "fct_orders", "fct_events", "customer_rfm", "customer_tags", "customer_segments"):
        ours, others = served.query(
            f"select count_if(customer_id in {tuple(erased)}), count(distinct customer_id) from marketing.{table}"
        )[0]
        assert ours == 0 and others > 3_000, table


def test_the_audit_proves_it(demo, erased: dict, served: harness.Server) -> None:
    audit = served.query(
        "select request_id, customer_hash, tables_touched, rows_removed, rows_left, verified "
        "from marketing_quality.erasure_audit where request_id like 'test-%'"
    )
    key = vault.derived(harness.KEYS["MARKETING_HASH_KEY"].encode(), vault.HASHES)
    own = list(erased)[:OWN_IDS]
    assert {hash_ for _, hash_, *_ in audit} == {hmac.digest(key, c.encode(), "sha256").hex() for c in own}
    assert len(audit) == OWN_IDS and all(verified and left == 0 for *_, left, verified in audit)
    assert all(removed > 10 for _, _, _, removed, _, _ in audit)
    touched = {table for _, _, tables, *_ in audit for table in tables.split(", ")}
    assert touched >= {
        "marketing_staging.stg_crm__customers", "marketing_vault.customer_vault", "marketing_build.fct_order_items",
        "marketing_build.fct_events", "marketing_build.customer_rfm", "marketing_build.decision_log",
    }  # fmt: skip


def test_rows_of_the_customer_are_counted_as_withheld_and_nothing_is_lost(served: harness.Server) -> None:
    lost = served.query(
        "select raw_table from marketing_quality.staging_row_counts "
        "where raw_rows <> staged_rows + rejected_rows + duplicate_rows"
    )
    withheld = served.query(
        "select distinct reject_reason, raw_row from marketing_staging.stg_shop__orders__rejected "
        "where reject_reason like 'withheld%'"
    )
    assert lost == [] and withheld == [("withheld: erased", None)]
