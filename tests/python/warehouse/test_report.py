"""The steward's report of a built warehouse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import harness
from html_document import Document, dead_links


def command(home: Path, output: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "precision_marketing.report", "--target", "thrift", "--output", str(output)],
        cwd=harness.ROOT, env=harness.dbt_environment(home, **environment), capture_output=True, text=True,
    )  # fmt: skip


def test_the_report_of_a_built_warehouse(served: harness.Server, tmp_path: Path) -> None:
    site = tmp_path / "site"
    written = command(tmp_path, site, **served.environment)
    assert written.returncode == 0, written.stderr
    home = Document((site / "index.html").read_text())
    assert written.stdout.splitlines()[0] in home.text
    for _, raw_table, raw_rows in served.query(
        "select source_name, raw_table, raw_rows from marketing_quality.staging_row_counts"
    ):
        assert f"{raw_table} {raw_rows:,}" in home.text
    for relation, expectations in served.query(
        "select relation, count(*) from marketing_quality.quality_scorecard group by relation"
    ):
        suite = Document((site / "expectations" / f"{relation}.html").read_text())
        assert f"{expectations} expectation{'' if expectations == 1 else 's'}, checked by" in suite.text
    [(newest,)] = served.query(
        "select date_format(max(ordered_at), 'd MMM yyyy, HH:mm') from marketing_staging.stg_shop__orders"
    )
    assert f"{newest} 2 days" in home.text  # the time and the limit of the raw table
    assert "There is no account of files: the raw tables hold demo data" in home.text
    pages = {path.relative_to(site).as_posix(): path.read_text() for path in site.rglob("*.html")}
    assert {"personal_data.html", "definitions.html"} <= set(pages)
    assert dead_links(pages) == []


def test_without_a_warehouse_one_sentence_says_what_to_do(served: harness.Server, tmp_path: Path) -> None:
    written = command(tmp_path, tmp_path / "site", MARKETING_SCHEMA="nobody", **served.environment)
    assert written.returncode == 1
    sentence = "No results yet: there is no database nobody_quality. Run dbt build first."
    assert written.stderr == f"{sentence}\n"
    assert written.stdout == ""
    pages = {path.name: path.read_text() for path in (tmp_path / "site").rglob("*.html")}
    assert sentence in Document(pages["index.html"]).text and dead_links(pages) == []
