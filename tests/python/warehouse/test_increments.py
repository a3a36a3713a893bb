"""Daily runs across the end of a month and one full run give the same tables; ten days are in the layer full."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

import daily_runs
import harness

DAYS = [dt.date(2025, 5, 30), dt.date(2025, 5, 31), dt.date(2025, 6, 1)]
ONE_IN_FIVE = "pmod(xxhash64(coalesce(customer_id, '')), 5) = 0"
FACTS = {"fct_events": "event_month", "fct_ad_impressions": "shown_month"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return daily_runs.write_project(tmp_path_factory.mktemp("increments") / "project")


@pytest.fixture(scope="module")
def daily(project: Path, tmp_path_factory: pytest.TempPathFactory, served: harness.Server) -> dict[str, tuple]:
    """What the tables hold after three daily runs that keep one version beside the newest."""
    home = tmp_path_factory.mktemp("daily")
    for day in DAYS:
        daily_runs.build(project, home, served, "daily", day, of=ONE_IN_FIVE, keep_versions=1)
    return daily_runs.tables(served, "daily")


def tables_like(served: harness.Server, pattern: str) -> list[str]:
    return sorted(name for _, name, _ in served.query(f"show tables in daily_build like '{pattern}'"))


def folders(served: harness.Server, table: str, month: str) -> dict[str, str]:
    """The folder in which each month of a version lies: that of the run which wrote it."""
    rows = served.query(
        f"select distinct date_format({month}, 'yyyy-MM'), element_at(split(_metadata.file_path, '/'), -3) "
        f"from daily_build.{table}"
    )
    assert len(dict(rows)) == len(rows), "a month lies in one folder"
    return dict(rows)


def test_daily_runs_give_what_one_full_run_gives(
    project: Path, tmp_path: Path, served: harness.Server, daily: dict[str, tuple]
) -> None:
    daily_runs.build(project, tmp_path, served, "at_once", DAYS[-1], of=ONE_IN_FIVE)
    at_once = daily_runs.tables(served, "at_once")
    assert all(rows > 100 for rows, *_ in at_once.values())
    harness.assert_same(daily, at_once)
    # The chain was one of increments, and something came late.
    ((late,),) = served.query(
        f"""select count(*) from daily_build.fct_events
        where substr(event_id, 2, 8) > greatest('{DAYS[0]:%Y%m%d}', date_format(event_date, 'yyyyMMdd'))"""
    )
    assert late > 2, "no late events in these days: the test would prove little"


@pytest.mark.parametrize("fact", FACTS)
def test_a_run_writes_the_months_it_touches_and_shares_the_others(
    fact: str, served: harness.Server, daily: dict[str, tuple]
) -> None:
    before, newest = tables_like(served, f"{fact}__v*")
    runs = {"before": before.replace("__v", "__files__v"), "newest": newest.replace("__v", "__files__v")}
    first, *_ = written = tables_like(served, f"{fact}__files__v*")
    assert written == sorted({first, *runs.values()}) and first not in runs.values()
    shared = {"2025-03": first, "2025-04": first}
    # The first day of June still builds the last days of May.
    assert folders(served, newest, FACTS[fact]) == {**shared, "2025-05": runs["newest"], "2025-06": runs["newest"]}
    assert folders(served, before, FACTS[fact]) == {**shared, "2025-05": runs["before"]}


@pytest.mark.parametrize("fact", FACTS)
def test_files_go_when_no_version_names_them_and_not_before(
    fact: str, demo: harness.Demo, served: harness.Server, daily: dict[str, tuple]
) -> None:
    first, before, newest = (demo.home / "warehouse" / "daily_build.db" / t for t in tables_like(served, f"{fact}__f*"))
    months = {folder: {path.name[-10:-3] for path in folder.glob("*=*")} for folder in (first, before, newest)}
    assert months == {first: {"2025-03", "2025-04"}, before: {"2025-05"}, newest: {"2025-05", "2025-06"}}


def test_expired_months_go_and_the_month_that_expires_is_written_anew(
    project: Path, tmp_path: Path, served: harness.Server, daily: dict[str, tuple]
) -> None:
    """Staging withholds expired rows; a table that keeps its older days has to let go of them by itself."""
    kept = "2025-04-10 00:00:00"
    limits = f"select 'app_events' as table_name, timestamp '{kept}' as keep_from"
    staged = daily_runs.ARRIVED["stg_app__events"].format(
        staging="marketing_staging", of=ONE_IN_FIVE, digits=f"{DAYS[-1]:%Y%m%d}", since=kept
    )
    variables = {"stg_retention_limits": limits, "stg_app__events": staged, "of": ONE_IN_FIVE}
    for schema in ("daily", "expired_at_once"):
        daily_runs.build(project, tmp_path, served, schema, DAYS[-1], "--select", "+fct_events", **variables)
    increment, at_once = (harness.content(served, f"{s}_build.fct_events") for s in ("daily", "expired_at_once"))
    assert increment[0] < daily["fct_events"][0]
    harness.assert_same({"fct_events": increment}, {"fct_events": at_once})
    _, newest = tables_like(served, "fct_events__v*")[-2:]
    assert set(folders(served, newest, "event_month")) == {"2025-04", "2025-05", "2025-06"}
