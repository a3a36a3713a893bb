"""The data steward's report: a static site from the results of the gates.

    python -m precision_marketing.report [--target local|connect|thrift] [--output DIR]

Run in the project's folder, as dbt is. Reads the databases of the target in profiles.yml and writes ``index.html``, and
one page per suite of expectations in ``expectations/``: plain HTML without scripts and without anything from elsewhere.
The same tables give the same files.

Exit code 0: the report is written, whatever it says. 1: there is nothing to report, or no Spark; one line says why.

The sentences about expectations are those of Great Expectations' own renderers. Its page templates are not used: they
put values into HTML as they are and load scripts and styles from the internet.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import re
import string
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup, escape

from dbt_spark_python import SparkUnavailable
from precision_marketing.project import private
from precision_marketing.quality import gates
from precision_marketing.serving import server

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Rows = list[dict[str, Any]]
LONGEST_TREND = 40  # runs
LONGEST_TABLE = 20  # rows of a table that is shown as it is
WITHHELD = "withheld: "  # reject_reason of rows that are kept back for privacy, not for quality


class NothingToReport(Exception):
    """There are no results; the message says in one sentence what is missing and what to do."""


@dataclass
class Findings:
    """What the report is made of: rows of the quality tables, timestamps as text in UTC."""

    scorecard: Rows  # quality_scorecard
    runs: Rows  # run_id, run_at, relation, checks, critical, warning, info (failed expectations)
    row_counts: Rows = field(default_factory=list)  # staging_row_counts
    rejected: Rows = field(default_factory=list)  # relation, reject_reason, row_count
    links: Rows = field(default_factory=list)  # staging_linkage
    consent: Rows = field(default_factory=list)  # consent_coverage
    erasure: Rows = field(default_factory=list)  # erasure_audit
    models: Rows = field(default_factory=list)  # model, verdict, champion, reason


# ------------------------------------------------------------------------------------------- reading


def read(session: SparkSession, schema: str, project: Path = Path()) -> Findings:
    """The quality tables of the warehouse whose published database is ``schema``.

    Reads the gates' own tables through the SQL of quality_scorecard, since after a critical failure dbt has not made
    the views on them. Raises NothingToReport if no gate has left a result.
    """
    quality, staging = f"{schema}_quality", f"{schema}_staging"
    if not session.catalog.databaseExists(quality):
        raise NothingToReport(f"No results yet: there is no database {quality}. Run dbt build first.")
    results = session.createDataFrame([], gates.RESULT_SCHEMA)
    for model in sorted(project.glob("models/quality/**/gate_*.py")):
        table = f"{quality}.{model.stem}"
        if session.catalog.tableExists(table):
            results = results.unionByName(session.table(table), allowMissingColumns=True)
    results.createOrReplaceTempView("expectation_results")

    scorecard = _rows(session.sql(_model(project, "quality_scorecard")))
    if not scorecard:
        raise NothingToReport(f"No results yet: no gate has written to {quality}. Run dbt build first.")
    runs = session.sql(
        """select run_id, min(run_at) as run_at, relation, count(*) as checks,
            count_if(not success and severity = 'critical') as critical,
            count_if(not success and severity = 'warning') as warning,
            count_if(not success and severity = 'info') as info
        from expectation_results group by run_id, relation"""
    )
    return Findings(
        scorecard=scorecard,
        runs=_rows(runs),
        row_counts=_table(session, f"{quality}.staging_row_counts"),
        rejected=_rejected(session, staging),
        links=_links(session, staging, project),
        consent=_table(session, f"{quality}.consent_coverage"),
        erasure=_table(session, f"{quality}.erasure_audit"),
        models=[
            {"model": row["model_name"], **{name: row[name] or "" for name in ("verdict", "champion", "reason")}}
            for row in _table(session, f"{schema}.model_verdicts")
        ],
    )


def _rows(frame: DataFrame) -> Rows:
    """All rows as dicts. Timestamps as text: collect() would move them to this machine's time zone."""
    columns = [
        frame[name].cast("string").alias(name) if kind.startswith("timestamp") else frame[name]
        for name, kind in frame.dtypes
    ]
    return [row.asDict() for row in frame.select(*columns).collect()]


def _table(session: SparkSession, name: str) -> Rows:
    """All rows of a table; none if there is no such table."""
    return _rows(session.table(name)) if session.catalog.tableExists(name) else []


def _model(project: Path, name: str, relations: Mapping[str, str] | None = None) -> str:
    """The SQL of a model in models/quality/, on the view of all results and on ``relations`` by name."""
    sql = (project / "models" / "quality" / f"{name}.sql").read_text()
    ref = {"expectation_results": "expectation_results", **(relations or {})}
    return jinja2.Environment().from_string(sql).render(ref=ref.__getitem__, config=lambda **_: "")


def _links(session: SparkSession, database: str, project: Path) -> Rows:
    """The rows of staging_linkage; none in a warehouse that was built before it had any."""
    names = [path.stem for path in sorted(project.glob("models/staging/*/stg_*__linkage.sql"))]
    if not all(session.catalog.tableExists(f"{database}.{name}") for name in names):
        return []
    return _rows(session.sql(_model(project, "staging_linkage", {name: f"{database}.{name}" for name in names})))


def _rejected(session: SparkSession, database: str) -> Rows:
    """Rows per rejected table and reason."""
    if not session.catalog.databaseExists(database):
        return []
    tables = [table.name for table in session.catalog.listTables(database, f"*{gates.REJECTED_SUFFIX}")]
    counts = [
        f"select '{table}' as relation, reject_reason, count(*) as row_count from {database}.{table} group by all"
        for table in sorted(tables)
    ]
    return _rows(session.sql(" union all ".join(counts))) if counts else []


# ------------------------------------------------------------------------------- what the page says


def verdict(scorecard: Rows) -> dict[str, str]:
    """Today's verdict: ``state`` (fail, warn, pass), ``sentence`` and ``detail``."""
    failed = [row for row in scorecard if not row["success"]]
    by_severity = {severity: [row for row in failed if row["severity"] == severity] for severity in gates.SEVERITIES}
    tables = len({row["relation"] for row in scorecard})
    critical, warnings = by_severity["critical"], by_severity["warning"]
    newest = max(scorecard, key=lambda row: row["run_at"])["run_id"]
    unchecked = {row["relation"] for row in scorecard if row["run_id"] != newest}

    if critical:
        state = "fail"
        where = _and(sorted({row["relation"] for row in critical}))
        sentence = f"Not fit for use: {_count(len(critical), 'critical expectation')} failed in {where}."
        stopped = _and(sorted({row["gate"] for row in critical}))
        detail = f"What depends on {stopped} was not built; readers keep what was published before."
    elif warnings:
        state = "warn"
        where = _and(sorted({row["relation"] for row in warnings}))
        sentence = f"Fit for use, with {_count(len(warnings), 'warning')} in {where}."
        detail = "No critical expectation failed. Warnings stop nothing; somebody should look at them."
    else:
        state = "pass"
        sentence = f"Fit for use: {_count(len(scorecard), 'expectation')} in {_count(tables, 'table')}, all met."
        if failed:
            sentence = f"Fit for use: {len(scorecard) - len(failed)} of {len(scorecard)} expectations are met."
        detail = f"{_count(len(failed), 'failure')} of severity info, recorded only." if failed else "Nothing to do."
    if critical and warnings:
        detail += f" {_count(len(warnings), 'warning')} besides."
    if unchecked:
        detail += f" {_count(len(unchecked), 'table')} not checked in the newest run: an earlier state is shown."
    return {"state": state, "sentence": sentence, "detail": detail}


def tables(findings: Findings) -> Rows:
    """One dict per relation, worst first: failed expectations by severity, score, rows, state in each run."""
    runs = _run_ids(findings.runs)
    states = {(row["relation"], row["run_id"]): _state(row) for row in findings.runs}
    scorecard = sorted(findings.scorecard, key=lambda row: row["relation"])
    found = []
    for relation, group in groupby(scorecard, key=lambda row: row["relation"]):
        rows = list(group)
        failed = {
            severity: sum(not row["success"] and row["severity"] == severity for row in rows)
            for severity in gates.SEVERITIES
        }
        found.append(
            {
                "relation": relation,
                "layer": rows[0]["layer"],
                "gate": rows[0]["gate"],
                "checks": len(rows),
                "failed": failed,
                "state": _state(failed),
                "score": sum(row["score"] for row in rows) / len(rows),
                "rows": max((row["element_count"] for row in rows if row["element_count"] is not None), default=None),
                "run_at": rows[0]["run_at"],
                "is_checked": rows[0]["run_id"] == runs[-1],
                "history": [states.get((relation, run)) for run in runs],
            }
        )

    def rank(table: dict[str, Any]) -> tuple:
        return (*(-table["failed"][severity] for severity in gates.SEVERITIES), table["score"], table["relation"])

    return sorted(found, key=rank)


def failures(scorecard: Rows, descriptions: dict[tuple, str]) -> Rows:
    """The failed expectations, critical and oldest first, with what a person reads about each."""
    failed = [row for row in scorecard if not row["success"]]
    order = {severity: rank for rank, severity in enumerate(gates.SEVERITIES)}
    failed.sort(key=lambda row: (order[row["severity"]], row["first_seen_at"], *_identity(row)))
    return [{**row, **reading(row), "why": descriptions.get(_identity(row))} for row in failed]


def trend(runs: Rows) -> Rows:
    """One dict per run, oldest first: run_id, run_at, tables, checks and failed expectations by severity."""
    found = []
    for run_id in _run_ids(runs):
        rows = [row for row in runs if row["run_id"] == run_id]
        sums = {key: sum(row[key] for row in rows) for key in ("checks", *gates.SEVERITIES)}
        run_at = min(row["run_at"] for row in rows)
        found.append({"run_id": run_id, "run_at": run_at, "tables": len(rows), **sums, "state": _state(sums)})
    return found


def scores(scorecard: Rows, column: str) -> Rows:
    """One dict per value of ``column`` (dimension, owner), most failures first: mean score, checks, failed ones."""
    found = []
    for name in {row[column] for row in scorecard}:
        rows = [row for row in scorecard if row[column] == name]
        score = sum(row["score"] for row in rows) / len(rows)
        failed = sum(not row["success"] for row in rows)
        found.append({"name": name, "checks": len(rows), "failed": failed, "score": score})
    return sorted(found, key=lambda row: (-row["failed"], row["score"], row["name"]))


def arrivals(row_counts: Rows, rejected: Rows) -> Rows:
    """One dict per raw table, most rejected rows first: what became of its rows, and why rows were rejected."""
    found = []
    for counts in row_counts:
        entity = counts["raw_table"].removeprefix(f"{counts['source_name']}_")
        relation = f"stg_{counts['source_name']}__{entity}{gates.REJECTED_SUFFIX}"
        reasons = sorted(
            (row for row in rejected if row["relation"] == relation),
            key=lambda row: (-row["row_count"], row["reject_reason"] or ""),
        )
        withheld = sum(row["row_count"] for row in reasons if (row["reject_reason"] or "").startswith(WITHHELD))
        unusable = counts["rejected_rows"] - withheld
        share = unusable / max(counts["raw_rows"], 1)
        found.append({**counts, "withheld": withheld, "unusable": unusable, "share": share, "reasons": reasons})
    return sorted(found, key=lambda row: (-row["unusable"], -row["withheld"], row["raw_table"]))


def linkage(links: Rows) -> Rows:
    """One dict per link, those that fail and then the largest shares first; without a list the share is None."""

    def rank(row: dict[str, Any]) -> tuple:
        return row["passes"], -(row["unknown_share"] or 0), row["relation"], row["key_name"]

    return sorted(links, key=rank)


def reading(row: dict[str, Any]) -> dict[str, Any]:
    """What a scorecard row says: ``sentence`` and ``observed`` as Great Expectations puts it, ``keys``, ``allowed``."""
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.render.renderer.inline_renderer import InlineRenderer

    kwargs = json.loads(row["kwargs"] or "{}")
    outcome = {"observed_value": row["observed_value"]}
    if row["element_count"] is not None:
        share = 100 * (row["unexpected_count"] or 0) / max(row["element_count"], 1)
        outcome |= {"element_count": row["element_count"], "unexpected_percent": share}
        outcome |= {"unexpected_count": row["unexpected_count"]}
    result = ExpectationValidationResult(
        success=row["success"],
        expectation_config=ExpectationConfiguration(type=row["expectation"], kwargs=kwargs, severity=row["severity"]),
        result=outcome,
        exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
    )
    said = {}
    for content in InlineRenderer(render_object=result).get_rendered_content():
        values = {name: value["value"] for name, value in (content.value.params or {}).items()}
        said[content.name] = string.Template(content.value.template or "").safe_substitute(values)
    sentence = said.get("atomic.prescriptive.summary") or ""
    if not sentence or sentence.startswith("expect_"):  # Great Expectations has no words for expectations of our own
        sentence = _plain(row["expectation"], row["column_name"], kwargs)
    return {
        "sentence": sentence,
        "observed": row["exception"] or said.get("atomic.diagnostic.observed_value") or "",
        "keys": json.loads(row["sample_keys"] or "[]"),
        "allowed": 1 - kwargs["mostly"] if "mostly" in kwargs else None,
    }


def _plain(expectation: str, columns: str | None, kwargs: dict[str, Any]) -> str:
    """``expect_x_to_be_at_most`` with max_value 0.1 as ``X must be at most 0.1.``"""
    sentence = expectation.removeprefix("expect_").replace("_to_", "_must_").replace("_", " ")
    sentence = f"{columns}: {sentence}" if columns else sentence.capitalize()
    told = {*gates.COLUMN_KWARGS, "column_list", "mostly"}
    arguments = {name.replace("_", " "): value for name, value in sorted(kwargs.items()) if name not in told}
    if len(arguments) == 1:
        sentence += f" {next(iter(arguments.values()))}"
    elif arguments:
        sentence += f" ({', '.join(f'{name} {value}' for name, value in arguments.items())})"
    return f"{sentence}, at least {_percent(kwargs['mostly'])} of the time." if "mostly" in kwargs else f"{sentence}."


def suite_descriptions(relations: Iterable[str], suites_dir: Path) -> dict[tuple, str]:
    """Why an expectation is there, as its suite says, by relation, expectation and column."""
    found: dict[tuple, str] = {}
    for relation in relations:
        path = suites_dir / f"{relation}.json"
        for entry in json.loads(path.read_text(encoding="utf-8"))["expectations"] if path.is_file() else []:
            kwargs = entry["kwargs"]
            columns = [kwargs[key] for key in gates.COLUMN_KWARGS if key in kwargs] + kwargs.get("column_list", [])
            found.setdefault((relation, entry["type"], ", ".join(columns) or None), entry.get("description"))
    return found


def _identity(row: dict[str, Any]) -> tuple[str, str, str | None]:
    return row["relation"], row["expectation"], row["column_name"]


def _run_ids(runs: Rows) -> list[str]:
    """The newest LONGEST_TREND runs, oldest first."""
    started: dict[str, str] = {}
    for row in runs:
        started[row["run_id"]] = min(row["run_at"], started.get(row["run_id"], row["run_at"]))
    return sorted(started, key=lambda run: (started[run], run))[-LONGEST_TREND:]


def _state(failed: dict[str, int]) -> str:
    return "fail" if failed["critical"] else "warn" if failed["warning"] else "pass"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _and(names: list[str]) -> str:
    """One name, two names, or how many."""
    return " and ".join(names) if len(names) <= 2 else f"{len(names)} tables"


# ----------------------------------------------------------------------------------------- rendering


def render(findings: Findings, links: Rows | None = None, suites_dir: Path = Path("expectations")) -> dict[str, str]:
    """The site as HTML by path. ``links`` (title, href) lead to lineage; suites give the reasons for expectations."""
    scorecard, runs = findings.scorecard, trend(findings.runs)
    worst_first = tables(findings)
    descriptions = suite_descriptions([table["relation"] for table in worst_first], suites_dir)
    environment = _environment()
    common = {"severities": gates.SEVERITIES, "run_at": runs[-1]["run_at"]}
    pages = {
        "index.html": environment.get_template("index.html").render(
            **common,
            verdict=verdict(scorecard),
            met=sum(row["success"] for row in scorecard),
            checks=len(scorecard),
            failed={s: sum(not row["success"] and row["severity"] == s for row in scorecard) for s in gates.SEVERITIES},
            failures=failures(scorecard, descriptions),
            tables=worst_first,
            trend=runs,
            highest=max(sum(run[s] for s in gates.SEVERITIES) for run in runs),
            dimensions=scores(scorecard, "dimension"),
            owners=scores(scorecard, "owner"),
            arrivals=arrivals(findings.row_counts, findings.rejected),
            linkage=linkage(findings.links),
            consent=_as_it_is(findings.consent),
            erasure=_as_it_is(findings.erasure),
            models=_as_it_is(findings.models),
            longest=LONGEST_TABLE,
            links=links or [],
        ),
        "expectations/index.html": environment.get_template("suites.html").render(**common, tables=worst_first),
    }
    for table in worst_first:
        rows = [row for row in scorecard if row["relation"] == table["relation"]]
        rows.sort(key=lambda row: (row["column_name"] or "", row["expectation"], row["kwargs"] or ""))
        rows = [{**row, **reading(row), "why": descriptions.get(_identity(row))} for row in rows]
        columns = [(name, list(group)) for name, group in groupby(rows, key=lambda row: row["column_name"])]
        pages[f"expectations/{table['relation']}.html"] = environment.get_template("suite.html").render(
            **common, table=table, columns=columns
        )
    return pages


def _as_it_is(rows: Rows) -> Rows:
    """Rows in an order of their own, so that the same table gives the same page."""
    return sorted(rows, key=lambda row: [str(value) for value in row.values()])


def _environment() -> jinja2.Environment:
    """The templates beside this module; every value is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("report_templates")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(percent=_percent, when=_when, breakable=_breakable, number=_number)
    return environment


def _percent(share: float) -> str:
    """99.96 % is not 100 %, and 0.01 % is not nothing."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share:.0%}".replace("%", " %") if share in (0, 1) else f"{share:.1%}".replace("%", " %")


def _when(timestamp: str) -> str:
    """``2026-11-22 12:46:01.5`` as ``22 Nov 2026, 12:46``."""
    return f"{dt.datetime.fromisoformat(timestamp):%-d %b %Y, %H:%M}"


def _breakable(name: str) -> Markup:
    """Text with names of tables or columns, which a narrow screen may break after underscores."""
    return Markup(re.sub("(_+)", r"\1<wbr>", str(escape(name))))


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if type(value) is int else str(value)  # a bool is an int as well


def lineage_links(output: Path, project: Path, target: Path) -> Rows:
    """Relative links from the site to what there is about lineage: dbt's documentation site, the project's page."""
    found = [
        ("Lineage and columns of every table (dbt docs)", target / "index.html"),
        ("Where personal data flows", project / "docs" / "lineage.md"),
    ]
    return [
        {"title": title, "href": Path(os.path.relpath(path, output)).as_posix()}
        for title, path in found
        if path.is_file()
    ]


def write(pages: dict[str, str], output: Path) -> None:
    """Write the site to the folder ``output``; pages of suites that are no more go."""
    for page in output.glob("expectations/*.html"):
        page.unlink()
    for name, html in pages.items():
        path = output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8")


def main() -> None:
    """Entry point of ``python -m precision_marketing.report``."""
    target_path = Path(os.environ.get("DBT_TARGET_PATH", "target"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--target", choices=("local", "connect", "thrift"), help="default: that of profiles.yml")
    parser.add_argument("--output", type=Path, default=target_path / "quality", metavar="DIR")
    arguments = parser.parse_args()
    private.from_now_on()
    try:
        with server.reading(arguments.target) as (session, schema):
            findings = read(session, schema)
    except (NothingToReport, SparkUnavailable) as error:
        sys.exit(str(error))
    output = arguments.output.resolve()
    write(render(findings, lineage_links(output, Path.cwd(), target_path.resolve())), output)
    print(verdict(findings.scorecard)["sentence"])
    print(output / "index.html")
