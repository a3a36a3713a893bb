"""What a BI endpoint may read, taken out of an embedded warehouse: a folder with the published tables and nothing else.

    python -m precision_marketing.serving.snapshot FOLDER DATABASE[,DATABASE] [FOLDER DATABASE[,DATABASE]]

``FOLDER/tables`` has the data files of every published table, as hard links (copies where the file system has none),
and ``FOLDER/tables.json`` says how to make a catalogue of them. All folders show the same state of the warehouse.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from dbt_spark_python import error_text, sql_literal
from precision_marketing.project import private
from precision_marketing.serving.server import reading

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Definition = dict[str, Any]


class NotOnThisMachine(Exception):
    """A published table has files that are not on this machine's disk."""


def name(*parts: str) -> str:
    """A name as an identifier of Spark's SQL."""
    return ".".join("`" + part.replace("`", "``") + "`" for part in parts)


def keys(path: Path) -> list[str]:
    """The folders of partitions that a file is in, outermost first: event_month=2024-03-01."""
    found: list[str] = []
    for folder in path.parents:
        if "=" not in folder.name:
            break
        found.insert(0, folder.name)
    return found


def partitions(files: list[Path]) -> list[str]:
    """The columns that the folders of a table's files name, such as event_month."""
    return [key.partition("=")[0] for key in keys(files[0])] if files else []


def link(files: list[Path], folder: Path) -> None:
    """Put a table's files into ``folder``, each in the folder of its partition."""
    folder.mkdir(parents=True)
    for number, path in enumerate(files):
        inside = folder.joinpath(*keys(path))
        inside.mkdir(parents=True, exist_ok=True)
        target = inside / f"{number:06d}-{path.name}"
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)


def local_files(table: DataFrame) -> list[Path]:
    """The data files of a table. Raises NotOnThisMachine where they are elsewhere."""
    found = [urlparse(url) for url in table.inputFiles()]
    for url in found:
        if url.scheme not in ("", "file"):
            raise NotOnThisMachine(f"{url.geturl()} is not on this machine")
    return sorted(Path(unquote(url.path)) for url in found)


def is_of_one_table(session: SparkSession, database: str, view: str) -> bool:
    """Whether a view is nothing but the rows of one table, so that the table's files are the view's."""
    rows = session.sql(f"describe table extended {name(database, view)}").collect()
    text = {row[0]: row[1] for row in rows}.get("View Text", "")
    return re.fullmatch(r"select [*] from [\w.`]+", text.strip(), re.IGNORECASE) is not None


def definition(session: SparkSession, database: str, view: str, folder: Path) -> Definition:
    """Put a view's files into ``folder``, new ones if it computes anything, and say what its table is."""
    table = session.table(name(database, view))
    if is_of_one_table(session, database, view):
        files = local_files(table)
        link(files, folder)
    else:
        files = []
        table.write.parquet(str(folder))
    columns = [
        {
            "name": field.name,
            "type": field.dataType.simpleString(),
            "comment": field.metadata.get("comment", ""),
        }
        for field in table.schema.fields
    ]
    comment = session.catalog.getTable(f"{database}.{view}").description or ""
    return {
        "database": database,
        "table": view,
        "columns": columns,
        "comment": comment,
        "partitions": partitions(files),
        "folder": str(folder),
    }


def statements(definitions: list[Definition]) -> list[str]:
    """The SQL that makes a catalogue of a snapshot's tables, in an empty one."""
    made = [f"create database {name(database)}" for database in sorted({each["database"] for each in definitions})]
    for each in definitions:
        columns = ", ".join(
            f"{name(column['name'])} {column['type']} comment {sql_literal(column['comment'])}"
            for column in each["columns"]
        )
        by = f" partitioned by ({', '.join(map(name, each['partitions']))})" if each["partitions"] else ""
        table = name(each["database"], each["table"])
        made.append(
            f"create table {table} ({columns}) using parquet{by}"
            f" location {sql_literal(each['folder'])} comment {sql_literal(each['comment'])}"
        )
        if by:
            made.append(f"msck repair table {table}")
    return made


def take(session: SparkSession, databases: list[str], folder: Path) -> list[Definition]:
    """Put the published tables of ``databases`` into ``folder``, which must be empty or absent."""
    definitions = [
        definition(session, database, row.tableName, folder / "tables" / database / row.tableName)
        for database in databases
        if session.catalog.databaseExists(database)
        for row in session.sql(f"show tables in {name(database)}").collect()
        if not row.isTemporary
    ]
    (folder / "tables.json").write_text(json.dumps(definitions, indent=1))
    return definitions


def main() -> None:
    """Entry point of ``python -m precision_marketing.serving.snapshot``."""
    private.from_now_on()
    try:
        with reading("local") as (session, _):
            for folder, databases in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
                Path(folder).mkdir(parents=True, exist_ok=True)
                take(session, databases.split(","), Path(folder))
    except Exception as error:
        traceback.print_exc()
        sys.exit(error_text(error).splitlines()[0])  # the last line, for whoever started this


if __name__ == "__main__":
    main()
