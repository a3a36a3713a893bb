"""`make build`: which commands of dbt it runs, and what it says when one fails."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from dbt.cli.exceptions import DbtUsageException

from precision_marketing import build, vault

DEMO = ["run-operation", "generate_demo_data", "--args", "{customers: 70, only_if_empty: true}"]


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One text for each time that Spark would have been started early; nothing is."""
    times: list[str] = []
    monkeypatch.setattr(build, "start_early", lambda: times.append("started"))
    return times


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were given to dbt, which does nothing; one with the word `fails` does not succeed."""
    commands: list[list[str]] = []

    def invoke(command: list[str]) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(success="fails" not in command, exception=None)

    monkeypatch.setattr("dbt.cli.main.dbtRunner", lambda: SimpleNamespace(invoke=invoke))
    monkeypatch.setattr(vault, "create_keys", list)
    return commands


def test_demo_data_and_then_the_build_with_its_arguments(ran: list, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["build", "--customers", "70", "--full-refresh", "-s", "customer_rfm+"])
    build.main()
    assert ran == [DEMO, ["build", "--full-refresh", "-s", "customer_rfm+"]]
    assert "make serve" in capsys.readouterr().out


def test_a_build_that_failed_names_no_next_step(ran: list, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["build", "fails"])
    with pytest.raises(SystemExit) as ended:
        build.main()
    assert ended.value.code == 1 and capsys.readouterr().out == ""


def test_a_wrong_option_is_said(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """dbt itself prints every other error."""
    wrong = SimpleNamespace(success=False, exception=DbtUsageException("No such option: --no-such"))
    monkeypatch.setattr("dbt.cli.main.dbtRunner", lambda: SimpleNamespace(invoke=lambda command: wrong))
    monkeypatch.setattr(vault, "create_keys", list)
    assert not build.build(70, ["--no-such"])
    assert capsys.readouterr().err == "error: No such option: --no-such\n"


@pytest.mark.parametrize(
    ("arguments", "times"), [([], 1), (["-s", "x"], 1), (["-t", "thrift"], 0), (["--target=connect"], 0)]
)
def test_spark_starts_early_only_where_dbt_starts_it(ran: list, started: list, arguments: list, times: int) -> None:
    build.build(70, arguments)
    assert len(started) == times


def test_an_early_start_that_fails_is_left_to_dbt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("DBT_PROFILES_DIR", str(tmp_path))
    build.start_early()  # no profiles.yml there


def test_a_small_new_demo_gets_one_compiler(ran: list, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MARKETING_HOME", str(tmp_path))
    for customers, exists, expected in ((5_000, False, True), (5_000, True, False), (100_000, False, False)):
        monkeypatch.delenv("MARKETING_JAVA_OPTIONS", raising=False)
        warehouse = tmp_path / "warehouse"
        warehouse.mkdir() if exists else warehouse.exists() and warehouse.rmdir()
        build.build(customers, [])
        assert (os.environ.get("MARKETING_JAVA_OPTIONS") == build.ONE_COMPILER) is expected
