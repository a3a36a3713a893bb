"""The steward's report of a built warehouse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import harness
from html_document import Document


def command(home: Path, output: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "precision_marketing.report", "--target", "thrift", "--output", str(output)],
        cwd=harness.ROOT, env=harness.dbt_environment(home, **environment), capture_output=True, text=True,
    )  # fmt: skip


def test_the_report_of_a_built_warehouse(served: harness.Server, tmp_path: Path) -> None:
    written = command(tmp_path, tmp_path / "site", **served.environment)
    assert written.returncode == 0, written.stderr
    home = Document((tmp_path / "site" / "index.html").read_text())
    assert written.stdout.splitlines()[0] in home.text
    for _, raw_table, raw_rows in served.query(
        "select source_name, raw_table, raw_rows from marketing_quality.staging_row_counts"
    ):
        assert f"{raw_table} {raw_rows:,}" in home.text
    for relation, expectations in served.query(
        "select relation, count(*) from marketing_quality.quality_scorecard group by relation"
    ):
        suite = Document((tmp_path / "site" / "expectations" / f"{relation}.html").read_text())
        assert f"{expectations} expectations, checked by" in suite.text


def test_without_a_warehouse_one_sentence_says_what_to_do(served: harness.Server, tmp_path: Path) -> None:
    written = command(tmp_path, tmp_path / "site", MARKETING_SCHEMA="nobody", **served.environment)
    assert written.returncode == 1 and not (tmp_path / "site").exists()
    assert written.stderr == "No results yet: there is no database nobody_quality. Run dbt build first.\n"
    assert written.stdout == ""
