"""The data steward's report: a static site from the results of the gates.

    python -m precision_marketing.report [--target local|connect|thrift] [--output DIR] [--raw-database NAME]

Run in the project's folder, as dbt is. Reads the databases of the target in profiles.yml and writes ``index.html``, a
page per suite of expectations in ``expectations/``, and what they link to: plain HTML without scripts and without
anything from elsewhere. The same tables at the same time give the same files.

Exit code 0: the report is written, whatever it says. 1: there is nothing to report, which the page then says too, or no
Spark; one line says why.

The sentences about expectations are those of Great Expectations' own renderers. Its page templates are not used: they
put values into HTML as they are and load scripts and styles from the internet.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import os
import re
import shutil
import string
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import mistune
from markupsafe import Markup, escape

from dbt_spark_python import SparkUnavailable
from precision_marketing.loading.mapping import MappingError
from precision_marketing.project import private
from precision_marketing.quality import gates
from precision_marketing.quality.findings import Findings, NothingToReport, Rows, newest_run, read
from precision_marketing.serving import server

LONGEST_TREND = 40  # runs
LONGEST_TABLE = 20  # rows of a table that is shown as it is
LONGEST_LIST = 12  # failures that are open to the eye; the others are folded
DBT_DOCS = "dbt_docs.html"
OPTIONAL_PAGES = (DBT_DOCS, "model_cards.html", "personal_data.html")
WITHHELD = "withheld: "  # reject_reason of rows that are kept back for privacy, not for quality


# ------------------------------------------------------------------------------- what the page says


def verdict(findings: Findings, now: dt.datetime) -> dict[str, str]:
    """Today's verdict: ``state`` (fail, warn, pass), ``sentence`` and ``detail``."""
    critical = _failed(findings.scorecard, "critical")
    warnings = _failed(findings.scorecard, "warning")
    broken, doubtful = problems(findings)
    published = publication(findings)
    old = [row for row in freshness(findings, now) if row["is_old"]] if findings.origin != "demo" else []
    newest = newest_run(findings.scorecard)
    unchecked = {row["relation"] for row in findings.scorecard if row["run_id"] != newest}

    warning = _sum((len(warnings) + len(doubtful), "warning"))
    is_empty = bool(findings.row_counts) and not any(row["raw_rows"] for row in findings.row_counts)
    share = "" if published["is_whole"] else f" in part, {published['now']} of {_count(published['all'], 'table')}"
    detail = []
    if critical or broken:
        parts = []
        if critical:
            where = _and(sorted({row["relation"] for row in critical}))
            parts.append(f"{_count(len(critical), 'critical expectation')} failed in {where}")
            stopped = _and(sorted({row["gate"] for row in critical}), "gate")
            detail.append(f"What depends on {stopped} was not built; readers keep what was published before.")
        if broken:
            tests = sum(row["kind"] in ("test", "unit_test") for row in broken)
            counted = _sum((tests, "dbt test"), (len(broken) - tests, "dbt model"))
            parts.append(f"{counted} failed, {_and([row['name'] for row in broken], 'name')}")
            detail += [] if critical else ["Readers keep what was published before of the tables that these concern."]
        state, said = "fail", f"Published{share}" if published["now"] else "Not published"
        sentence = f"{said}: {'; '.join(parts)}."
        detail += [f"{warning} besides."] if warning else []
    elif not published["now"]:
        state, sentence = "fail", "Not published: nothing failed, but the newest run published nothing."
        detail.append(
            "It was no whole dbt build, it left a gate or a test out, or it still runs. dbt's last lines say which."
        )
        detail += [f"{warning} besides."] if warning else []
    elif is_empty:
        state, sentence = "warn", "Published, but there is nothing to judge: every raw table is empty."
    elif warning or old:
        state = "warn"
        places = sorted({row["relation"] for row in warnings} | {row["name"] for row in doubtful})
        parts = [f"{warning} in {_and(places, 'place' if doubtful else 'table')}"] if warning else []
        parts += [f"old data in {_and([row['raw_table'] for row in old])}"] if old else []
        sentence = f"Published{share}, with {' and '.join(parts)}."
        detail.append("Nothing blocks. Warnings stop nothing; somebody should look at them.")
    else:
        state, sentence = "pass", f"Published{share}: nothing blocks and nothing warns."
        detail.append("Nothing to do.")
    if published["now"] and not (critical or broken):
        detail.append(
            f"{_count(published['now'], 'table')} of this run {'is' if published['now'] == 1 else 'are'} in use."
        )
    if unchecked:
        detail.append(f"{_count(len(unchecked), 'table')} not checked in the newest run: an earlier state is shown.")
    return {"state": state, "sentence": sentence, "detail": " ".join(detail)}


def publication(findings: Findings) -> dict[str, Any]:
    """Of the published tables, how many are of the newest run (``now``), of ``all``."""
    in_force = {row["model"]: row for row in sorted(findings.publications, key=lambda row: row["approved_at"])}
    newest = newest_run(findings.scorecard)
    now = sum(row["run_id"] == newest for row in in_force.values())
    return {"now": now, "all": len(in_force), "is_whole": now == len(in_force)}


def problems(findings: Findings) -> tuple[Rows, Rows]:
    """What dbt itself found in the newest run beside the gates' expectations: what failed, what warned; by name."""
    found = sorted(findings.dbt_run.get("problems", []), key=lambda row: (row["kind"], row["name"]))
    warned = [row for row in found if row["status"] == "warn"]
    return [row for row in found if row["status"] != "warn"], warned


def run_times(findings: Findings, now: dt.datetime) -> dict[str, Any]:
    """When the newest run first checked and when it ended (None where nobody recorded that), with the age in words."""
    newest = newest_run(findings.scorecard)
    checks = [row["run_at"] for row in [*findings.runs, *findings.scorecard] if row["run_id"] == newest]
    approved = [row["approved_at"] for row in findings.publications if row["run_id"] == newest]
    ended = findings.dbt_run.get("ended_at") or max(approved, default=None)
    age = _age(ended or max(checks), now)
    return {"began": min(checks), "last_check": max(checks), "ended": ended, "age": age}


def freshness(findings: Findings, now: dt.datetime) -> Rows:
    """One dict per raw table with a time, oldest source first: ``age`` in words, ``is_old``: beyond its limit.

    A day counts as the whole day, so data of today is new.
    """
    found = []
    for row in findings.freshness:
        days = None if row["newest"] is None else _days(row["newest"], now)
        is_old = days is not None and row["max_age_days"] is not None and days > row["max_age_days"]
        age = "no rows" if not row["row_count"] else "no time given" if days is None else _age(row["newest"], now)
        found.append({**row, "age": age, "days": days, "is_old": is_old, "limit": _limit(row["max_age_days"])})
    return sorted(found, key=lambda row: (not row["is_old"], row["source_name"], row["days"] is None, row["raw_table"]))


def sources(findings: Findings, now: dt.datetime) -> Rows:
    """One dict per source: its newest row, and which of its raw tables are beyond their limit."""
    rows = sorted(freshness(findings, now), key=lambda row: row["source_name"])
    found = []
    for name, group in groupby(rows, key=lambda row: row["source_name"]):
        of_source = list(group)
        dated = [row for row in of_source if row["days"] is not None]
        newest = min(dated, key=lambda row: (row["days"], row["raw_table"]), default=of_source[0])
        old = [row for row in of_source if row["is_old"]]
        limits = sorted({row["limit"] for row in old})
        found.append({**newest, "name": name, "old": old, "limits": limits})
    return found


def accounts(findings: Findings) -> dict[str, Any]:
    """The loader's account: ``files``, most refused first, each with its ``reasons``; ``note``, why there is none.

    records = loaded + refused; ``adds_up`` is whether as many refused records are kept as were counted.
    """
    files = []
    loaded = findings.origin.startswith("load_files ")
    for row in findings.files if loaded else []:
        reasons = [reason for reason in findings.refused if reason["file"] == row["file"]]
        reasons.sort(key=lambda reason: (-reason["record_count"], reason["reason"] or ""))
        kept = sum(reason["record_count"] for reason in reasons)
        read_records = row["records"] + row["refused"]
        share = row["refused"] / max(read_records, 1)
        files.append({
            "file": row["file"], "mapping": row["mapping"], "read": read_records, "loaded": row["records"],
            "refused": row["refused"], "share": share, "loaded_at": row["loaded_at"],
            "reasons": reasons[:5], "other_reasons": max(len(reasons) - 5, 0), "adds_up": kept == row["refused"],
        })  # fmt: skip
    files.sort(key=lambda row: (row["adds_up"], -row["refused"], row["file"]))
    if files:
        note = ""
    elif findings.origin == "demo":
        note = "There is no account of files: the raw tables hold demo data, which was made and not loaded."
    elif loaded:
        note = "There is no account of files although load_files wrote the raw tables: load them again."
    else:
        note = "There is no account of files: load_files did not write the raw tables."
    if not loaded and findings.files:
        note += " An account of an earlier load exists; other rows have taken the place of what it tells of."
    return {"files": files, "note": note}


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


def failures(scorecard: Rows, severity: str, descriptions: dict[tuple, str]) -> Rows:
    """The failed expectations of a severity, oldest first, with what a person reads about each."""
    failed = _failed(scorecard, severity)
    failed.sort(
        key=lambda row: (row["first_seen_at"] or "", *(part or "" for part in _identity(row)), row["kwargs"] or "")
    )
    return [{**row, **reading(row), "why": descriptions.get(_identity(row))} for row in failed]


def _failed(scorecard: Rows, severity: str) -> Rows:
    return [row for row in scorecard if not row["success"] and row["severity"] == severity]


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
    """One dict per value of ``column`` (dimension, owner), most failures first: mean score, checks, failed ones.

    What is only recorded (severity info) is no failure.
    """
    found = []
    for name in {row[column] for row in scorecard}:
        rows = [row for row in scorecard if row[column] == name]
        score = sum(row["score"] for row in rows) / len(rows)
        failed = sum(not row["success"] and row["severity"] != "info" for row in rows)
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
    suites = {path.stem: path for path in suites_dir.glob("*.json")}
    for relation in sorted(set(relations) & set(suites)):
        for entry in json.loads(suites[relation].read_text(encoding="utf-8"))["expectations"]:
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


def _sum(*parts: tuple[int, str]) -> str:
    """The parts that are not 0, in words: ``1 critical expectation and 2 warnings``."""
    return " and ".join(_count(number, noun) for number, noun in parts if number)


def _and(names: list[str], noun: str = "table") -> str:
    """One name, two names, or how many."""
    return " and ".join(names) if len(names) <= 2 else _count(len(names), noun)


def _days(then: str, now: dt.datetime) -> float:
    """Days from a time (UTC) until ``now``; from the end of a day, where only the day is known. Never below 0."""
    moment = dt.datetime.fromisoformat(then)
    moment += dt.timedelta(days=1) if len(then) == 10 else dt.timedelta()
    return max((now.astimezone(dt.UTC).replace(tzinfo=None) - moment) / dt.timedelta(days=1), 0)


def _age(then: str, now: dt.datetime) -> str:
    """``2 days old``; below two days in hours, below two hours in minutes."""
    days = _days(then, now)
    if len(then) == 10:
        return f"{_count(int(days) + 1, 'day')} old" if days else "of today"
    minutes = int(days * 1440)
    if minutes < 1:
        return "of this minute"
    if minutes < 120:
        return f"{_count(minutes, 'minute')} old"
    return f"{minutes // 60} hours old" if minutes < 2880 else f"{int(days):,} days old"


def _limit(days: float | None) -> str:
    if days is None:
        return ""
    return _count(int(days), "day") if days >= 1 else _count(round(days * 24), "hour")


# ----------------------------------------------------------------------------------------- rendering


def render(
    findings: Findings,
    now: dt.datetime | None = None,
    suites_dir: Path = Path("expectations"),
    dbt_docs: str | None = None,
) -> dict[str, str]:
    """The site as HTML by path, as of ``now`` (aware; default: the clock). Suites give the reasons for expectations;
    ``dbt_docs`` is the path within the site of dbt's documentation, if that is there."""
    now = now or dt.datetime.now(dt.UTC)
    scorecard, runs = findings.scorecard, trend(findings.runs)
    worst_first = tables(findings)
    descriptions = suite_descriptions([table["relation"] for table in worst_first], suites_dir)
    environment = _environment()
    common = {"severities": gates.SEVERITIES, "run_at": runs[-1]["run_at"]}
    broken, doubtful = problems(findings)
    links = [("model_cards.html", "Model cards")] if findings.cards else []
    links += [("personal_data.html", "Where personal data goes")] if findings.inventory else []
    links += [(dbt_docs, "Lineage and columns (dbt docs)")] if dbt_docs else []
    links += [("definitions.html", "What the words mean")]
    judged = [row for row in scorecard if row["severity"] != "info"]
    pages = {
        "index.html": environment.get_template("index.html").render(
            **common,
            verdict=verdict(findings, now),
            written_at=f"{now.astimezone(dt.UTC):%Y-%m-%d %H:%M}",
            run=run_times(findings, now),
            sources=sources(findings, now),
            freshness=freshness(findings, now),
            is_demo=findings.origin == "demo",
            met=sum(row["success"] for row in judged),
            judged=len(judged),
            checks=len(scorecard),
            blocks=failures(scorecard, "critical", descriptions),
            warns=failures(scorecard, "warning", descriptions),
            recorded=failures(scorecard, "info", descriptions),
            broken=broken,
            doubtful=doubtful,
            old=[row for row in freshness(findings, now) if row["is_old"] and findings.origin != "demo"],
            open=LONGEST_LIST,
            tables=worst_first,
            trend=runs,
            highest=max(run["critical"] + run["warning"] for run in runs),
            dimensions=scores(scorecard, "dimension"),
            owners=scores(scorecard, "owner"),
            accounts=accounts(findings),
            arrivals=arrivals(findings.row_counts, findings.rejected),
            linkage=linkage(findings.links),
            consent=_as_it_is(findings.consent),
            erasure=_as_it_is(findings.erasure),
            models=_as_it_is(findings.models),
            longest=LONGEST_TABLE,
            links=links,
        ),
        "expectations/index.html": environment.get_template("suites.html").render(**common, tables=worst_first),
        "definitions.html": environment.get_template("definitions.html").render(**common),
    }
    for table in worst_first:
        rows = [row for row in scorecard if row["relation"] == table["relation"]]
        rows.sort(key=lambda row: (row["column_name"] or "", row["expectation"], row["kwargs"] or ""))
        rows = [{**row, **reading(row), "why": descriptions.get(_identity(row))} for row in rows]
        columns = [(name, list(group)) for name, group in groupby(rows, key=lambda row: row["column_name"])]
        pages[f"expectations/{page_name(table['relation'])}"] = environment.get_template("suite.html").render(
            **common, table=table, columns=columns
        )
    if findings.cards:
        body = markdown(findings.cards.partition("\n## ")[2].join(["## ", ""]))
        pages["model_cards.html"] = environment.get_template("model_cards.html").render(**common, body=body)
    if findings.inventory:
        pages["personal_data.html"] = environment.get_template("personal_data.html").render(
            **common, columns=personal_data(findings.inventory)
        )
    return pages


def render_nothing(reason: str) -> dict[str, str]:
    """The site where there are no results: the page says so, instead of the one that was written before."""
    environment = _environment()
    return {
        "index.html": environment.get_template("nothing.html").render(reason=reason),
        "definitions.html": environment.get_template("definitions.html").render(run_at=None),
    }


def personal_data(inventory: Rows) -> Rows:
    """One dict per raw column: its level, and of each place it reaches the treatment; the most sensitive first."""
    found = []
    rows = sorted(inventory, key=lambda row: (row["source_table"], row["source_column"]))
    for (table, column), group in groupby(rows, key=lambda row: (row["source_table"], row["source_column"])):
        reached = list(group)
        published = sorted({
            (row["relation"], row["column_name"], row["treatment"]) for row in reached if row["is_published"]
        })  # fmt: skip
        found.append({
            "table": table, "column": column, "level": reached[0]["level"], "published": published,
            "elsewhere": len({row["relation"] for row in reached if not row["is_published"]}),
        })  # fmt: skip
    return sorted(found, key=lambda row: row["level"], reverse=True)


class _PlainLinks(mistune.HTMLRenderer):
    """HTML from Markdown in which values of the data can stand: no HTML of their own, no link, no picture."""

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return text

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return text

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        return f'<th scope="col">{text}</th>' if head else f"<td>{text}</td>"


def markdown(text: str) -> Markup:
    """Markdown as HTML; what is HTML in it is shown as text."""
    convert = mistune.create_markdown(renderer=_PlainLinks(escape=True), plugins=["table"])
    html = str(convert(text)).replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")
    return Markup(html)


def page_name(relation: str) -> str:
    """The file of a relation's page: its name, as far as a file can have it."""
    name = re.sub(r"[^\w.-]", "_", relation, flags=re.ASCII).lstrip(".")[:100]
    is_plain = name == relation
    return f"{name}.html" if is_plain else f"{name}_{hashlib.sha256(relation.encode()).hexdigest()[:8]}.html"


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
    environment.filters.update(percent=_percent, when=_when, breakable=_breakable, number=_number, page_name=page_name)
    return environment


def _percent(share: float) -> str:
    """99.96 % is not 100 %, and 0.01 % is not nothing."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share:.0%}".replace("%", " %") if share in (0, 1) else f"{share:.1%}".replace("%", " %")


def _when(timestamp: str) -> str:
    """``2026-11-22 12:46:01.5`` as ``22 Nov 2026, 12:46``, ``2026-11-22`` as ``22 Nov 2026``."""
    if len(timestamp) == 10:
        return f"{dt.date.fromisoformat(timestamp):%-d %b %Y}"
    return f"{dt.datetime.fromisoformat(timestamp):%-d %b %Y, %H:%M}"


def _breakable(name: str) -> Markup:
    """Text with names of tables or columns, which a narrow screen may break after underscores."""
    return Markup(re.sub("(_+)", r"\1<wbr>", str(escape(name))))


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if type(value) is int else str(value)  # a bool is an int as well


def write(pages: dict[str, str], output: Path, dbt_docs: Path | None = None) -> None:
    """Write the site to the folder ``output``, with a copy of ``dbt_docs``; pages that are no more go."""
    for page in [*(output / name for name in OPTIONAL_PAGES), *output.glob("expectations/*.html")]:
        page.unlink(missing_ok=True)
    for name, html in pages.items():
        path = output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8")
    if dbt_docs:
        shutil.copyfile(dbt_docs, output / DBT_DOCS)


def main() -> None:
    """Entry point of ``python -m precision_marketing.report``."""
    target_path = Path(os.environ.get("DBT_TARGET_PATH", "target"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--target", choices=("local", "connect", "thrift"), help="default: that of profiles.yml")
    parser.add_argument("--output", type=Path, default=target_path / "quality", metavar="DIR")
    parser.add_argument("--raw-database", metavar="NAME", help="default: raw_database of dbt_project.yml")
    arguments = parser.parse_args()
    private.from_now_on()
    output = arguments.output.resolve()
    now = dt.datetime.now(dt.UTC)
    try:
        with server.reading(arguments.target) as (session, schema):
            findings = read(session, schema, Path(), arguments.raw_database, target_path, now)
    except NothingToReport as error:
        write(render_nothing(str(error)), output)
        sys.exit(str(error))
    except (SparkUnavailable, MappingError) as error:
        sys.exit(str(error))
    # dbt docs generate --static: one file that holds all; the other needs a server.
    dbt_docs = target_path / "static_index.html"
    has_docs = dbt_docs.is_file()
    write(render(findings, now, dbt_docs=DBT_DOCS if has_docs else None), output, dbt_docs if has_docs else None)
    print(verdict(findings, now)["sentence"])
    print(output / "index.html")
