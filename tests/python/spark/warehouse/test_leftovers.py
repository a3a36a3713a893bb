"""What a killed run leaves in the place of a table does not block the next one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from dbt_common.exceptions import DbtRuntimeError

from dbt_spark_python import SessionHandle

CREATE = "create table interrupted.{} using parquet as select 7 as found"


@pytest.fixture
def folder(spark) -> Iterator[Path]:
    """The folder of a database's tables."""
    spark.sql("create database interrupted")
    (location,) = [row[1] for row in spark.sql("describe database interrupted").collect() if row[0] == "Location"]
    path = Path(location.removeprefix("file:"))
    path.mkdir(parents=True, exist_ok=True)
    yield path
    spark.sql("drop database interrupted cascade")


@pytest.fixture
def handle(spark) -> SessionHandle:
    handle = SessionHandle.__new__(SessionHandle)
    handle.__dict__.update(SimpleNamespace(session=spark, _frame=None, _rows=None).__dict__)
    return handle


def leave(path: Path) -> Path:
    """Files as a process leaves them that is killed while it writes a table."""
    file = path / "_temporary" / "0" / "part-00000.parquet"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"half a fi")
    return file


def test_a_table_is_made_where_a_killed_run_left_files(spark, handle, folder: Path) -> None:
    left = leave(folder / "new")
    handle.execute(CREATE.format("new"))
    assert [tuple(row) for row in spark.table("interrupted.new").collect()] == [(7,)]
    assert not left.exists()


def test_files_of_a_table_and_files_elsewhere_stay(spark, handle, folder: Path, tmp_path: Path) -> None:
    handle.execute(CREATE.format("there"))
    with pytest.raises(DbtRuntimeError, match="ALREADY_EXISTS"):
        handle.execute(CREATE.format("there"))
    assert spark.table("interrupted.there").count() == 1
    # A table of another name whose files lie where this one's would: they are not left over.
    spark.sql(f"create table interrupted.owner (a int) using parquet location '{folder}/shared'")
    spark.sql("insert into interrupted.owner values (1)")
    with pytest.raises(DbtRuntimeError, match="LOCATION_ALREADY_EXISTS"):
        handle.execute(CREATE.format("shared"))
    assert spark.table("interrupted.owner").count() == 1
