"""Wrong inputs in a new warehouse make nothing, and what is made is its owner's alone."""

from __future__ import annotations

import stat
from pathlib import Path

import harness


def databases(home: Path) -> set[str]:
    return {path.name for path in (home / "warehouse").glob("*.db")}


def test_a_slip_in_the_raw_database_makes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    slip = ("build", "-s", "stg_shop__stores", "--vars", "{raw_database: rwa}")
    refused = harness.run_dbt(*slip, home=home, check=False)
    assert refused.returncode != 0 and "The raw database 'rwa' does not exist" in refused.stdout, refused.stdout
    assert databases(home) == set()
    harness.run_dbt("run-operation", "create_raw_databases", home=home)
    assert databases(home) == {"raw.db"}
    refused = harness.run_dbt(*slip, home=home, check=False)
    assert "correct raw_database (do you mean raw?)" in refused.stdout and databases(home) == {"raw.db"}
    demo = ("run-operation", "generate_demo_data", "--args", "{customers: 1, only_if_empty: true}", *slip[3:])
    refused = harness.run_dbt(*demo, home=home, check=False)
    assert "The raw database 'rwa' does not exist, but there are raw" in refused.stdout
    assert databases(home) == {"raw.db"}
    harness.run_dbt("build", "-s", "+stg_shop__stores", "--exclude-resource-type", "unit_test", home=home)
    # Files: folders that Hive makes can be listed where their own folder is open, as it is here.
    wrote = [path for path in home.rglob("*") if path.is_file()]
    assert {"dbt.log", "spark.log", "manifest.json"} <= {path.name for path in wrote}
    assert [str(path) for path in wrote if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_a_wrong_variable_stops_before_spark_starts(tmp_path: Path) -> None:
    refused = harness.run_dbt("build", "--vars", "{bussiness_timezone: x, churn_days: 0}", home=tmp_path, check=False)
    assert "do you mean business_timezone?" in refused.stdout
    assert "variable churn_days is 0; allowed is a whole number from 1 to 36500" in refused.stdout
    assert not (tmp_path / "warehouse").exists() and not (tmp_path / "logs" / "spark.log").exists()
