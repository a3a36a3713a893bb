"""Daily runs across the end of a month and one full run give the same tables; ten days are in the layer full."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import daily_runs
import harness

DAYS = [dt.date(2025, 5, 30), dt.date(2025, 5, 31), dt.date(2025, 6, 1)]
ONE_IN_FIVE = "pmod(xxhash64(coalesce(customer_id, '')), 5) = 0"


def test_daily_runs_give_what_one_full_run_gives(tmp_path: Path, served: harness.Server) -> None:
    project = daily_runs.write_project(tmp_path / "project")
    for day in DAYS:
        daily_runs.build(project, tmp_path, served, "daily", day, of=ONE_IN_FIVE)
    daily_runs.build(project, tmp_path, served, "at_once", DAYS[-1], of=ONE_IN_FIVE)
    daily, at_once = daily_runs.tables(served, "daily"), daily_runs.tables(served, "at_once")
    assert all(rows > 100 for rows, *_ in at_once.values())
    harness.assert_same(daily, at_once)
    # The chain was one of increments, and something came late.
    ((late,),) = served.query(
        f"""select count(*) from daily_build.fct_events
        where substr(event_id, 2, 8) > greatest('{DAYS[0]:%Y%m%d}', date_format(event_date, 'yyyyMMdd'))"""
    )
    assert late > 2, "no late events in these days: the test would prove little"
