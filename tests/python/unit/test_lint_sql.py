"""`make lint` sees what it is for: faults planted in a model, in its branches and in its macros are reported."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import harness

PROJECT = harness.ROOT

FCT_EVENTS = "models/marts/core/fct_events.sql"
TICKETS = "models/marts/profile/int_customer_ticket_attributes.sql"
CATALOGUE = "macros/marts/catalogue.sql"
# What is replaced in `fct_events`, by what, and the rule that forbids it. Each rule of .sqlfluff is there once.
FAULTS = [
    ("    select events.*", "    SELECT events.*", "CP01"),
    ("        sessions.anonymous_id,", "        sessions.Anonymous_id,", "CP02"),
    ("        lag(occurred_at)", "        LAG(occurred_at)", "CP03"),
    ("interval 30 minutes, true)", "interval 30 minutes, TRUE)", "CP04"),
    ("        sessions.event_id,", "        cast(sessions.event_id as STRING) as event_id,", "CP05"),
    ("    from recent\n", "    from recent newest\n", "AL01"),
    ("    select customer_id from", "    select customer_id, count(1) as accounts from", "CV04"),
    ("    left join customers on", "    right join customers on", "CV08"),
    ("    select * from rebuilt\n", "    select distinct(event_id) from rebuilt\n", "ST08"),
    ("\nfrom all_days\n", "\nfrom all_days\n;\n", "CV06"),
    # In a branch that only a run with an approved version takes.
    ("    where {{ is_taken_over", "    WHERE {{ is_taken_over", "CP01"),
]


def lint(project: Path) -> dict[str, set[tuple[str, int]]]:
    """Codes and lines of what sqlfluff reports, by model."""
    command = [sys.executable, "-m", "sqlfluff", "lint", "models", "--format", "json", "--processes", "1"]
    run = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert run.returncode in (0, 1), run.stderr
    return {
        file["filepath"].replace("\\", "/"): {(fault["code"], fault["start_line_no"]) for fault in file["violations"]}
        for file in json.loads(run.stdout)
    }


def replaced(path: Path, old: str, new: str) -> None:
    """Replace `old`, which must be there once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path} has {text.count(old)} times {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_planted_faults_are_reported(tmp_path):
    for name in (FCT_EVENTS, TICKETS, ".sqlfluff", "dbt_project.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    for name in ("macros", "tests/lint"):
        shutil.copytree(PROJECT / name, tmp_path / name)
    assert lint(tmp_path) == {FCT_EVENTS: set(), TICKETS: set()}

    for old, new, _ in FAULTS:
        replaced(tmp_path / FCT_EVENTS, old, new)
    # SQL that a macro writes only when dbt executes, for each attribute of the catalogue.
    replaced(tmp_path / CATALOGUE, "    cast({{ measured(", "    CAST({{ measured(")
    found = lint(tmp_path)
    planted = (tmp_path / FCT_EVENTS).read_text(encoding="utf-8")
    lines = {
        (code, planted[: planted.index(new)].count("\n") + 1)
        for _, new, code in FAULTS
        if code != "CV06"  # its text begins on the line before
    }
    assert lines <= found[FCT_EVENTS]
    assert {code for code, _ in found[FCT_EVENTS]} == {code for _, _, code in FAULTS}
    assert {code for code, _ in found[TICKETS]} & {"CP01", "CP03"}


def test_ci_lints_and_tests():
    commands = (PROJECT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert commands.index("make lint") < commands.index("make test")
    lint = subprocess.run(["make", "--dry-run", "lint"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for command in ("/ruff check", "/ruff format --check", "/mypy", "/sqlfluff lint", "/dbt"):
        assert command in lint
