"""What the steward's report is made of, read from a built warehouse."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import yaml

from precision_marketing.loading import loader
from precision_marketing.quality import gates, model_cards

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Rows = list[dict[str, Any]]


class NothingToReport(Exception):
    """There are no results; the message says in one sentence what is missing and what to do."""


@dataclass
class Findings:
    """Rows of the quality tables and of what lies beside them, timestamps as text in UTC."""

    scorecard: Rows  # quality_scorecard
    runs: Rows  # run_id, run_at, relation, checks, critical, warning, info (failed expectations)
    publications: Rows = field(default_factory=list)  # of published models: model, version, run_id, approved_at
    dbt_run: dict[str, Any] = field(default_factory=dict)  # run_id, ended_at, problems (name, status, message)
    freshness: Rows = field(default_factory=list)  # source_name, raw_table, newest_by, newest, max_age_days, …
    origin: str = ""  # who wrote the raw tables: 'demo', the loader's mapping, or '' for a company's own
    files: Rows = field(default_factory=list)  # load_files
    refused: Rows = field(default_factory=list)  # file, reason, record_count
    row_counts: Rows = field(default_factory=list)  # staging_row_counts
    rejected: Rows = field(default_factory=list)  # relation, reject_reason, row_count
    links: Rows = field(default_factory=list)  # staging_linkage
    consent: Rows = field(default_factory=list)  # consent_coverage
    erasure: Rows = field(default_factory=list)  # erasure_audit
    models: Rows = field(default_factory=list)  # model, verdict, champion, reason
    inventory: Rows = field(default_factory=list)  # pii_inventory
    cards: str = ""  # the model cards in Markdown


def read(
    session: SparkSession,
    schema: str,
    project: Path = Path(),
    raw_database: str | None = None,
    target_path: Path = Path("target"),
    now: dt.datetime | None = None,
) -> Findings:
    """The quality tables of the warehouse whose published database is ``schema``.

    Reads the gates' own tables through the SQL of quality_scorecard, since after a critical failure dbt has not made
    the views on them. What dbt wrote to ``target_path`` counts if it is of the newest run. Rows of the future, more
    than a day after ``now`` (aware; default: the clock), say nothing about the age of data. Raises NothingToReport if
    no gate has left a result.
    """
    quality, staging = f"{schema}_quality", f"{schema}_staging"
    if not session.catalog.databaseExists(quality):
        raise NothingToReport(f"No results yet: there is no database {quality}. Run dbt build first.")
    results = session.createDataFrame([], gates.RESULT_SCHEMA)
    for name in result_tables(project):
        table = f"{quality}.{name}"
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
    raw_database, raw_tables = loader.contract(project, raw_database)
    return Findings(
        scorecard=scorecard,
        runs=_rows(runs),
        publications=_publications(session, schema),
        dbt_run=dbt_run(target_path, newest_run(scorecard)),
        freshness=_freshness(session, staging, project, now or dt.datetime.now(dt.UTC)),
        origin=_origin(session, raw_database, raw_tables),
        files=_table(session, f"{raw_database}.{loader.FILES_TABLE}"),
        refused=_refused(session, f"{raw_database}.{loader.REFUSED_TABLE}"),
        row_counts=_table(session, f"{quality}.staging_row_counts"),
        rejected=_rejected(session, staging),
        links=_links(session, staging, project),
        consent=_table(session, f"{quality}.consent_coverage"),
        erasure=_table(session, f"{quality}.erasure_audit"),
        models=[
            {"model": row["model_name"], **{name: row[name] or "" for name in ("verdict", "champion", "reason")}}
            for row in _table(session, f"{schema}.model_verdicts")
        ],
        inventory=_table(session, f"{quality}.pii_inventory"),
        cards=_cards(session, schema, target_path),
    )


def result_tables(project: Path) -> list[str]:
    """The models that ``expectation_results`` is a view on."""
    sql = (project / "models" / "quality" / "expectation_results.sql").read_text()
    return sorted(set(re.findall(r"\bref\('(\w+)'\)", sql)))


def newest_run(scorecard: Rows) -> str:
    """The id of the run that checked last."""
    return max(scorecard, key=lambda row: (row["run_at"], row["run_id"]))["run_id"]


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


def _names(session: SparkSession, database: str) -> set[str]:
    """The tables and views of a database; without asking for each what it is, as the catalogue's list does."""
    return {row.tableName for row in session.sql(f"show tables in {database}").collect() if not row.isTemporary}


def _model(project: Path, name: str, relations: Mapping[str, str] | None = None) -> str:
    """The SQL of a model in models/quality/, on the view of all results and on ``relations`` by name."""
    sql = (project / "models" / "quality" / f"{name}.sql").read_text()
    ref = {"expectation_results": "expectation_results", **(relations or {})}
    return jinja2.Environment().from_string(sql).render(ref=ref.__getitem__, config=lambda **_: "")


def _publications(session: SparkSession, schema: str) -> Rows:
    """What was approved when, of the models that readers see; none if no build has ended yet."""
    table = f"{schema}_quality.publications"
    if not (session.catalog.tableExists(table) and session.catalog.databaseExists(schema)):
        return []
    published = _names(session, schema)
    return [row for row in _table(session, table) if row["model"] in published]


def dbt_run(target_path: Path, run_id: str) -> dict[str, Any]:
    """When dbt's run ended, and which models and tests failed or warned, as run_results.json has it; {} of other runs.

    The gates' own tests are left out, since their expectations say more; so is the text of an error: it may quote data.
    """
    path = target_path / "run_results.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["metadata"]["invocation_id"] != run_id:
            return {}
        ended = dt.datetime.fromisoformat(content["metadata"]["generated_at"]).astimezone(dt.UTC)
        problems = []
        for result in content["results"]:
            kind, _, name = result["unique_id"].split(".")[:3]
            if result["status"] in ("fail", "error", "warn") and not name.endswith("_passed"):
                rows = f"{result['failures']:,} rows found" if result.get("failures") else "see logs/dbt.log"
                problems.append({"kind": kind, "name": name, "status": result["status"], "message": rows})
    except (OSError, ValueError, KeyError, TypeError):  # nothing, or half a file of a run that was killed
        return {}
    return {"run_id": run_id, "ended_at": f"{ended:%Y-%m-%d %H:%M:%S}", "problems": problems}


def declared_freshness(project: Path) -> Iterator[dict[str, Any]]:
    """The raw tables whose newest row can be told: source_name, raw_table, newest_by, max_age_days (None: no limit)."""
    for path in sorted(project.glob("models/staging/*/_*__sources.yml")):
        for source in yaml.safe_load(path.read_text())["sources"]:
            for table in source["tables"]:
                meta = table.get("config", {}).get("meta", {})
                if "newest_by" in meta:
                    yield {
                        "source_name": source["name"],
                        "raw_table": table["name"],
                        "newest_by": meta["newest_by"],
                        "max_age_days": meta.get("max_age_days"),
                    }


def _freshness(session: SparkSession, database: str, project: Path, now: dt.datetime) -> Rows:
    """``declared_freshness`` with newest (text), row_count and future_rows, of the tables that are staged."""
    if not session.catalog.databaseExists(database):
        return []
    present = _names(session, database)
    declared = {row["raw_table"]: row for row in declared_freshness(project)}
    tomorrow = f"timestamp'{now.astimezone(dt.UTC) + dt.timedelta(days=1):%Y-%m-%d %H:%M:%S}'"
    selects = []
    for name, row in declared.items():
        relation = f"stg_{row['source_name']}__{name.removeprefix(row['source_name'] + '_')}"
        if relation in present:
            column = row["newest_by"]
            selects.append(
                f"select '{name}' as raw_table, count(*) as row_count, count_if({column} > {tomorrow}) as future_rows, "
                f"cast(max(if({column} > {tomorrow}, null, {column})) as string) as newest from {database}.{relation}"
            )
    found = _rows(session.sql(" union all ".join(selects))) if selects else []
    return [{**declared[row["raw_table"]], **row} for row in found]


def _origin(session: SparkSession, raw_database: str, tables: Iterable[str]) -> str:
    """Who wrote the raw tables, as their properties say: 'demo', a mapping of load_files, or '' for anybody else."""
    if not session.catalog.databaseExists(raw_database):
        return ""
    for name in sorted(_names(session, raw_database) & set(tables)):
        properties: dict[str, str] = dict(session.sql(f"show tblproperties {raw_database}.{name}").collect())
        if "demo_data" in properties:
            return "demo"
        if "loaded_by" in properties:
            return properties["loaded_by"]
    return ""


def _refused(session: SparkSession, table: str) -> Rows:
    """Refused records per file and reason; their text stays where it is."""
    if not session.catalog.tableExists(table):
        return []
    return _rows(session.sql(f"select file, reason, count(*) as record_count from {table} group by all"))


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


def _cards(session: SparkSession, schema: str, target_path: Path) -> str:
    """The model cards in Markdown; '' where no model was trained, or dbt's manifest with their prose is missing."""
    manifest = target_path / "manifest.json"
    try:
        prose = model_cards.cards(json.loads(manifest.read_text(encoding="utf-8")))
        return model_cards.render(prose, model_cards.read(session, schema))
    except (OSError, ValueError, KeyError, model_cards.NothingToDescribe):
        return ""
