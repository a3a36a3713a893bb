"""Who has a list of people, with telephone numbers or member ids, and reads what is published."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import harness

KINDS = ("md5", "sha1", "sha256")
TREATED = re.compile(r".*(_masked|_hash|_encrypted)")


def folders(home: Path, database: str, table: str) -> list[Path]:
    """Where the rows of a table, or of the versions of a model, lie."""
    pattern = re.compile(rf"{table}(__(files__)?v\d{{14}}\w{{4}})?")
    return [path for path in (home / "warehouse" / f"{database}.db").iterdir() if pattern.fullmatch(path.name)]


def columns(
    home: Path, database: str, table: str, wanted: Iterable[str] | None = None
) -> Iterator[tuple[str, pa.Array | pa.ChunkedArray]]:
    """Name and values of the columns of a table that its files have, arrays as their elements."""
    for folder in folders(home, database, table):
        for file in sorted(folder.rglob("*.parquet")):
            names = pq.read_schema(file).names
            kept = names if wanted is None else [name for name in names if name in wanted]
            for name, values in zip(kept, pq.read_table(file, columns=kept, partitioning=None).columns, strict=True):
                yield name, values.combine_chunks().flatten() if pa.types.is_list(values.type) else values


def texts(home: Path, database: str, table: str, wanted: Iterable[str] | None = None) -> Iterator[tuple[str, set[str]]]:
    """Name and different values of the columns of text."""
    for name, values in columns(home, database, table, wanted):
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            yield name, set(values.unique().to_pylist()) - {None}


def forms(value: str) -> set[str]:
    """What a list of telephone numbers, addresses or the like may be turned into to look its people up."""
    digits = re.sub(r"\D", "", value)
    number = digits[-11:]
    found = {value, value.lower(), value[:1] + "**", f"{number[:3]}****{number[-4:]}"}
    user, at, domain = value.partition("@")
    if at:
        found.add(f"{user[:1]}***@{domain}")
    plain = {value, value.lower(), digits, number, f"86{number}", f"+86{number}", f"device {value}"} - {""}
    return found | {hashlib.new(kind, text.encode()).hexdigest() for kind in KINDS for text in plain}


@pytest.fixture(scope="module")
def listed(demo: harness.Demo) -> set[str]:
    """All forms of what others may know of the people in the raw tables, and what staging and the vault make of it."""
    known = {
        "crm_customers": ["name", "phone", "email", "id_number", "address"],
        "partner_members": ["member_id", "phone_hash"],
        "app_events": ["anonymous_id"],
    }
    found = set()
    for table, names in known.items():
        for _, values in texts(demo.home, "raw", table, names):
            for value in sorted(values)[:3000]:
                found |= forms(value.strip())
    for database, table in (
        ("marketing_staging", "stg_crm__customers"),
        ("marketing_staging", "stg_partner__members"),
        ("marketing_vault", "customer_vault"),
    ):
        for name, values in texts(demo.home, database, table):
            found |= values if TREATED.fullmatch(name) else set()
    return {form for form in found if len(form) > 2}


def test_a_list_of_people_finds_nobody_in_what_is_published(
    demo: harness.Demo, served: harness.Server, listed: set[str]
) -> None:
    staged = {
        form for _, values in texts(demo.home, "marketing_staging", "stg_crm__customers") for form in values & listed
    }
    assert len(staged) > 10_000, (
        "masks and hashes of staging are found by the list: the attack works where there is something"
    )
    matched, looked_at = {}, 0
    for _, table, _ in served.query("show tables in marketing"):
        shown = harness.columns_of(served, f"marketing.{table}")
        for name, values in texts(demo.home, "marketing_build", table, shown):
            looked_at += len(values)
            if found := values & listed:
                matched[f"{table}.{name}"] = f"{len(found)} values, {min(found)} one of them"
    assert looked_at > 100_000
    assert matched == {}


def rows(home: Path, database: str, table: str, names: list[str]) -> pd.DataFrame:
    """Columns of a table that its files have."""
    found: dict[str, list[pd.Series]] = {name: [] for name in names}
    for name, values in columns(home, database, table, names):
        found[name].append(values.to_pandas())
    return pd.DataFrame({name: pd.concat(parts, ignore_index=True) for name, parts in found.items()})


def test_no_session_is_called_after_its_device(demo: harness.Demo) -> None:
    """Who has a device's id could compute a key that is a hash of it, its day and a number."""
    sessions = set(rows(demo.home, "marketing_build", "fct_sessions", ["session_id"])["session_id"])
    events = rows(demo.home, "marketing_build", "fct_events", ["event_id", "anonymous_id", "event_date"])
    seen = events[["anonymous_id", "event_date"]].dropna().drop_duplicates().sample(20_000, random_state=1)
    keys = {
        hashlib.md5(f"device {device}|{day}|{number}".encode()).hexdigest()
        for device, day in seen.itertuples(index=False)
        for number in (1, 2, 3)
    }
    assert sessions & keys == set()
    assert sessions <= set(events["event_id"])


def test_no_second_of_registration_is_published(demo: harness.Demo, served: harness.Server) -> None:
    """A second is as good as a name to who has another list with it; a day is shared by several."""
    staged = rows(demo.home, "marketing_staging", "stg_crm__customers", ["customer_id", "registered_at"]).dropna()
    registered = set(staged[staged["registered_at"].dt.second > 0].itertuples(index=False, name=None))
    assert len(registered) > 3_000
    found = {}
    for _, table, _ in served.query("show tables in marketing"):
        kinds = harness.columns_of(served, f"marketing.{table}")
        for name in [name for name, kind in kinds.items() if kind == "timestamp"] if "customer_id" in kinds else []:
            shown = rows(demo.home, "marketing_build", table, ["customer_id", name]).dropna()
            pairs = len(registered & set(shown.itertuples(index=False, name=None)))
            if pairs > 5:  # somebody may do something else in the same second
                found[f"{table}.{name}"] = pairs
    assert found == {}


@pytest.fixture(scope="module")
def risks(served: harness.Server) -> pd.DataFrame:
    names = list(harness.columns_of(served, "marketing_quality.reidentification_risks"))
    return pd.DataFrame(served.query("select * from marketing_quality.reidentification_risks"), columns=names)


def test_the_risks_are_those_of_the_published_tables(served: harness.Server, risks: pd.DataFrame) -> None:
    assert len(risks) == len((harness.ROOT / "seeds" / "reidentification_limits.csv").read_text().splitlines()) - 1
    for risk in risks.itertuples():
        names = risk.combination.split("+")
        people = pd.DataFrame(
            served.query(f"select {', '.join(names)} from marketing.{risk.table_name}"), columns=names
        )
        cells = people.astype(str).groupby(names).size()
        assert (risk.people, risk.cells, risk.smallest_cell) == (len(people), len(cells), cells.min()), risk.combination
        assert risk.unique_people == cells[cells == 1].sum()
        assert risk.people_below_k == cells[cells < risk.k].sum()
        assert risk.share_below_k == pytest.approx(cells[cells < risk.k].sum() / len(people))
        assert risk.passes == (risk.share_below_k <= risk.max_share)


def test_the_demo_keeps_its_limits_but_not_by_much(risks: pd.DataFrame) -> None:
    """Limits far above what is there would see nothing coming."""
    limits = risks[risks["severity"] == "warning"]
    assert limits["passes"].all()
    assert limits["share_below_k"].max() > 0.4 and not risks[risks["severity"] == "info"]["passes"].any()


def test_the_steward_sees_the_results(served: harness.Server) -> None:
    results = served.query(
        """select relation, success, kwargs from marketing_quality.quality_scorecard
        where relation like '%reidentification' and expectation = 'expect_rows_to_satisfy'"""
    )
    assert {(relation, json.loads(kwargs)["condition"]) for relation, _, kwargs in results} == {
        (f"int_{domain}_reidentification", condition)
        for domain in ("core", "profile")
        for condition in ("is_valid", "not is_over_limit", "not is_over_warning")
    }
    assert all(success for _, success, _ in results)
