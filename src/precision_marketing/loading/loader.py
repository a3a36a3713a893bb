"""Loading inspected files: the raw tables are made beside the old ones and exchanged for them, all or none.

Records are written, in normal form, to loading tables; queries of the mapping make the raw tables from them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from precision_marketing.loading import passes
from precision_marketing.loading.inspection import File, LoadRefused, over_files
from precision_marketing.loading.mapping import Input, Mapping, MappingError, Part
from precision_marketing.project import variables

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

LOADING, NEXT, EXCHANGING = "loading__", "__next", "loading__exchanging"
FILES_TABLE, REFUSED_TABLE = "load_files", "load_refused"


def contract(project: Path, raw_database: str | None) -> tuple[str, dict[str, dict[str, Any]]]:
    """The raw database and the columns of every raw table, with `meta`, as the project's sources declare them."""
    raw_database = raw_database or variables.declared(project)["raw_database"]
    try:
        variables.require("raw_database", raw_database)
    except variables.VariableError as error:
        raise MappingError(str(error)) from None
    tables: dict[str, dict[str, Any]] = {}
    for path in sorted(project.glob("models/staging/*/_*__sources.yml")):
        for source in yaml.safe_load(path.read_text())["sources"]:
            for table in source["tables"]:
                tables[table["name"]] = {
                    "columns": [column["name"] for column in table["columns"]],
                    "optional": bool(table.get("config", {}).get("meta", {}).get("optional")),
                }
    return raw_database, tables


def check_tables(mapping: Mapping, tables: dict[str, dict[str, Any]]) -> None:
    """Raises MappingError for a raw table or a column that the contract does not know."""
    for name, parts in mapping.tables.items():
        if name not in tables:
            raise MappingError(f"tables.{name} is no raw table; they are {', '.join(sorted(tables))}")
        for part in parts:
            unknown = [column for column in part.columns if column not in tables[name]["columns"]]
            if unknown:
                known = ", ".join(tables[name]["columns"])
                raise MappingError(f"tables.{name} has no column {', '.join(unknown)}; it has {known}")


def query(mapping: Mapping, parts: Iterable[Part], columns: list[str]) -> str:
    """The query that fills a raw table: the mapping's views, then its parts one below the other, all as text."""
    ctes = ", ".join(f"{name} as ({sql.strip()})" for name, sql in mapping.views.items())
    selects = []
    for part in parts:
        listed = ", ".join(f"cast({_namespaced(column, part)} as string) as {column}" for column in columns)
        selects.append(f"select {listed} from {part.rows.strip()}")
    return (f"with {ctes} " if ctes else "") + " union all ".join(selects)


def _namespaced(column: str, part: Part) -> str:
    expression = part.columns.get(column, "null")
    if part.order_namespace and column in ("order_id", "order_item_id") and column in part.columns:
        return f"concat({part.order_namespace}, '-', {expression})"
    return expression


def check_queries(session: SparkSession, mapping: Mapping, tables: dict[str, dict[str, Any]]) -> None:
    """Analyse every query of the mapping on empty inputs. Raises MappingError where one does not fit its columns."""
    from pyspark.errors import PySparkException

    for each in mapping.inputs:
        names = ["_file", "_line", *(column.name for column in each.columns)]
        session.createDataFrame([], ", ".join(f"`{name}` string" for name in names)).createOrReplaceTempView(each.name)
    for name, parts in mapping.tables.items():
        try:
            _ = session.sql(query(mapping, parts, tables[name]["columns"])).schema
        except PySparkException as error:
            raise MappingError(f"tables.{name}: {str(error).splitlines()[0]}") from None


def load(
    session: SparkSession,
    mapping: Mapping,
    found: list[File],
    raw_database: str,
    tables: dict[str, dict[str, Any]],
    is_local: bool,
    force: bool,
) -> dict[str, int]:
    """Replace every raw table: those that the mapping fills, the others by empty ones. Returns rows by raw table.

    Raises LoadRefused where a raw table holds rows that no loader wrote, or a second reading differs from the first.
    """
    if not force:
        require_no_company_data(session, raw_database, tables)
    session.sql(f"create database if not exists {raw_database}")
    _drop_leftovers(session, raw_database)
    loaded_by = "load_files " + re.sub(r"[^\w.-]", "_", mapping.name)
    for each in mapping.inputs:
        write_input(session, each, [file for file in found if file.input is each], raw_database, is_local)
    for name, table in tables.items():
        columns = table["columns"]
        parts = mapping.tables.get(name)
        nulls = ", ".join(f"cast(null as string) as {column}" for column in columns)
        sql = query(mapping, parts, columns) if parts else f"select {nulls} where false"
        session.sql(
            f"create table {raw_database}.{name}{NEXT} using parquet "
            f"tblproperties ('loaded_by' = '{loaded_by}') as {sql}"
        )
    _write_account(session, mapping, found, raw_database)
    counts = {name: session.table(f"{raw_database}.{name}{NEXT}").count() for name in mapping.tables}
    if not any(counts.values()):
        raise LoadRefused("the mapping makes no row of any raw table out of these files")
    exchange(session, raw_database, list(tables))
    _drop_leftovers(session, raw_database)
    return counts


def write_input(session: SparkSession, each: Input, of_input: list[File], raw_database: str, is_local: bool) -> None:
    """Write an input's records to its loading table, count them, and make the view that the mapping's queries read."""
    table = f"{raw_database}.{LOADING}{each.name}"
    names = [column.name for column in each.columns]
    schema = ", ".join(
        ["_path string", "_line bigint", "_reason string", "_record string", *(f"`{name}` string" for name in names)]
    )
    if not of_input:
        session.sql(f"create table {table} ({schema}) using parquet")
    else:
        layouts = {file.path: file.layout for file in of_input}

        def run(path: str, raw: Any) -> Iterator[pd.DataFrame]:
            import pandas as pd

            header = ["_line", "_reason", "_record", *names]
            for batch in passes.rows(raw, layouts[path]):
                frame = pd.DataFrame(batch, columns=header, dtype=object)
                frame.insert(0, "_path", path)
                yield frame

        over_files(session, list(layouts), is_local, schema, run).write.format("parquet").saveAsTable(table)
        _recount(session, table, of_input)
    listed = ", ".join(f"`{name}`" for name in names)
    session.sql(
        f"select substring_index(_path, '/', -1) as _file, _line, {listed} from {table} where _reason is null"
    ).createOrReplaceTempView(each.name)


def _recount(session: SparkSession, table: str, of_input: list[File]) -> None:
    counted = session.sql(
        "select _path, count_if(_reason is null) as kept, count_if(_reason is not null) as refused "
        f"from {table} group by _path"
    )
    rows = {row["_path"]: (row.kept, row.refused) for row in counted.collect()}
    for file in of_input:
        assert file.profile is not None
        account = file.profile.account
        if rows.get(file.path, (0, 0)) != (account.records, account.refused):
            raise LoadRefused(f"{file.path} gave other records when it was read again: did it change?")


def _write_account(session: SparkSession, mapping: Mapping, found: list[File], raw_database: str) -> None:
    """The tables load_files, one row per file, and load_refused, one row per refused record."""
    at = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    rows = []
    for file in found:
        assert file.profile is not None
        account = file.profile.account
        rows.append((
            mapping.name, at, file.input.name, file.path, file.scan.size, file.scan.digest,
            json.dumps(file.layout.dialect.described()), account.lines, account.header_lines, account.blank_lines,
            account.records, account.refused,
        ))  # fmt: skip
    session.createDataFrame(
        rows,
        "mapping string, loaded_at timestamp, input string, file string, bytes bigint, sha256 string, dialect string, "
        "lines bigint, header_lines bigint, blank_lines bigint, records bigint, refused bigint",
    ).write.format("parquet").saveAsTable(f"{raw_database}.{FILES_TABLE}{NEXT}")
    refused = " union all ".join(
        f"select '{each.name}' as input, _path as file, _line as line, _reason as reason, _record as record "
        f"from {raw_database}.{LOADING}{each.name} where _reason is not null"
        for each in mapping.inputs
    )
    session.sql(f"create table {raw_database}.{REFUSED_TABLE}{NEXT} using parquet as {refused}")


def exchange(session: SparkSession, raw_database: str, tables: list[str]) -> None:
    """Put the new tables in the place of the old ones.

    While the table loading__exchanging exists, a build refuses to run (macros/sources/create_missing_sources.sql).
    """
    session.sql(f"create table if not exists {raw_database}.{EXCHANGING} (at string) using parquet")
    for name in [*tables, FILES_TABLE, REFUSED_TABLE]:
        kind = _kind(session, raw_database, name)
        if kind:
            session.sql(f"drop {kind} {raw_database}.{name}")
        session.sql(f"alter table {raw_database}.{name}{NEXT} rename to {raw_database}.{name}")
    session.sql(f"drop table {raw_database}.{EXCHANGING}")


def _kind(session: SparkSession, database: str, name: str) -> str | None:
    if not session.catalog.tableExists(f"{database}.{name}"):
        return None
    return "view" if session.catalog.getTable(f"{database}.{name}").tableType == "VIEW" else "table"


def _drop_leftovers(session: SparkSession, raw_database: str) -> None:
    """Drop what a load works with, also what a killed one left; not the sign of an exchange that was not finished."""
    for row in session.sql(f"show tables in {raw_database}").collect():
        if row.isTemporary or row.tableName == EXCHANGING:
            continue
        if row.tableName.startswith(LOADING) or row.tableName.endswith(NEXT):
            session.sql(f"drop table if exists {raw_database}.{row.tableName}")


def require_no_company_data(session: SparkSession, raw_database: str, tables: Iterable[str]) -> None:
    """Raise LoadRefused where a raw table holds rows that neither a loader nor the demo generator wrote."""
    if not session.catalog.databaseExists(raw_database):
        return
    for name in tables:
        table = f"{raw_database}.{name}"
        kind = _kind(session, raw_database, name)
        if kind is None:
            continue
        properties = {row.key for row in session.sql(f"show tblproperties {table}").collect()}
        if not properties & {"loaded_by", "demo_data"} and session.table(table).limit(1).count():
            raise LoadRefused(
                f"{table} holds rows that no loader wrote: name another --raw-database, or give --force to lose them"
            )


def checksum(session: SparkSession, table: str) -> str:
    """A checksum of a table's rows in any order, for comparing two loads."""
    columns = ", ".join(session.table(table).columns)
    row = session.sql(
        f"select count(*) as n, sum(cast(xxhash64({columns}) as decimal(38, 0))) as s from {table}"
    ).collect()[0]
    return hashlib.sha256(f"{row.n} {row.s}".encode()).hexdigest()[:16]
