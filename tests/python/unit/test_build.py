"""`make build`: which commands of dbt it runs, and what it says when one fails."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from dbt.cli.exceptions import DbtUsageException

from precision_marketing import build
from precision_marketing.privacy import vault

DEMO = ["run-operation", "generate_demo_data", "--args", "{customers: 70, only_if_empty: true}"]


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


@pytest.mark.parametrize(
    ("given", "shared"),
    [
        (["--vars", "{raw_database: mine}", "-s", "x"], ["--vars", "{raw_database: mine}"]),
        (["--vars={raw_database: mine}", "-t", "thrift"], ["--vars", "{raw_database: mine}", "--target", "thrift"]),
        (["--vars"], []),
    ],
)
def test_the_demo_is_made_where_the_build_looks_for_it(ran: list, given: list[str], shared: list[str]) -> None:
    assert build.build(70, given)
    assert ran == [DEMO + shared, ["build", *given]]


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
