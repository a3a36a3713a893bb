"""What tests start and stop: a Spark cluster of several processes, and dbt as its user calls it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbt_spark_python import java_home
from precision_marketing.serving import server
from precision_marketing.serving.server import free_port

ROOT = Path(__file__).resolve().parents[3]
SHARED_DATA = Path(os.environ.get("MARKETING_SHARED_DATA", ROOT.parent / "shared" / "data"))
DBT = str(Path(sys.executable).with_name("dbt"))
KEYS = {
    "MARKETING_AES_KEY": "an AES key of 32 bytes for tests",
    "MARKETING_HASH_KEY": "a hash key for tests, known to everybody",
    "MARKETING_AES_KEY_OLD": "",
}
# What a setting of a server holds; no list of processes shows it.
PASSWORD = "a password in a setting"


def embedded_settings(home: Path) -> dict[str, str]:
    """The target ``local``'s Spark settings for a warehouse in ``home``, sized for tests."""
    before = os.environ.get("MARKETING_HOME")
    os.environ["MARKETING_HOME"] = str(home)
    try:
        settings = server.profile_settings(profiles_dir=str(ROOT))
    finally:
        os.environ.pop("MARKETING_HOME") if before is None else os.environ.update(MARKETING_HOME=before)
    return {**settings, "spark.sql.shuffle.partitions": "2", "spark.driver.memory": "2g"}


@dataclass
class Server:
    """Addresses of one running Spark application, and the folder with its logs."""

    thrift_port: int
    connect_port: int
    logs: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point the targets connect and thrift of profiles.yml at it."""
        return {
            "SPARK_CONNECT_URL": f"sc://127.0.0.1:{self.connect_port}",
            "SPARK_THRIFT_HOST": "127.0.0.1",
            "SPARK_THRIFT_PORT": str(self.thrift_port),
        }

    def query(self, sql: str, **configuration: str) -> list[tuple]:
        """Rows of ``sql``, asked over thrift as a BI tool would."""
        from pyhive import hive

        connection = hive.connect("127.0.0.1", self.thrift_port, configuration=configuration)
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


def _stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def event_log(folder: Path) -> dict[str, str]:
    """Spark settings that write to ``folder``, as plain text, what a Spark UI shows."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": folder.as_uri(),
    }


@contextmanager
def serving(settings: dict[str, str], log: Path) -> Iterator[Server]:
    """A thrift and Spark Connect server with ``settings`` on free ports."""
    ports = Server(free_port(), free_port(), log.parent)
    process = server.start(settings, ports.thrift_port, ports.connect_port, log)
    try:
        yield ports
    finally:
        _stop(process)


def create_raw_tables(server: Server, tables: Mapping[str, tuple[Mapping[str, str], str]]) -> None:
    """The database ``raw`` with tables by name: an expression per column, and what they are selected from."""
    server.query("create database raw")
    for table, (columns, rows) in tables.items():
        selected = ", ".join(f"{value} as {name}" for name, value in columns.items())
        server.query(f"create table raw.{table} using parquet as select {selected} from {rows}")


@contextmanager
def cluster(work: Path, home: Path) -> Iterator[Server]:
    """A standalone master, two workers of one core each, and the server on them.

    ``work`` takes their logs and scratch files; the warehouse that they serve is the one in ``home``.
    """
    import pyspark

    spark_class = str(Path(pyspark.__path__[0], "bin", "spark-class"))
    environment = {**os.environ, "JAVA_HOME": java_home(), "SPARK_LOCAL_IP": "127.0.0.1"}
    environment["SPARK_DAEMON_MEMORY"] = "256m"
    work.mkdir(parents=True, exist_ok=True)
    running: list[subprocess.Popen] = []

    def daemon(kind: str, *arguments: str) -> None:
        with open(work / f"{kind}{len(running)}.log", "wb") as log:
            running.append(
                subprocess.Popen(
                    [spark_class, f"org.apache.spark.deploy.{kind.lower()}.{kind}", *arguments],
                    env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )
            )  # fmt: skip

    port = free_port()
    master = f"spark://127.0.0.1:{port}"
    try:
        daemon("Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0")
        deadline = time.monotonic() + 60
        while not server.is_open(port):
            assert running[0].poll() is None and time.monotonic() < deadline, "the master did not start"
            time.sleep(0.1)
        for number in "12":
            daemon(
                "Worker", "--host", "127.0.0.1", "--webui-port", "0", "--cores", "1", "--memory", "1500m",
                "--work-dir", str(work / f"worker{number}"), master,
            )  # fmt: skip
        settings = {**embedded_settings(home), "spark.master": master, "spark.executor.memory": "1200m"}
        settings |= event_log(work / "events")
        with serving(settings, work / "server.log") as ports:
            yield ports
    finally:
        for process in reversed(running):
            _stop(process)


def run_dbt(
    *arguments: str, home: Path, project: Path = ROOT, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    """``dbt ARGUMENTS`` as a process of its own, with its warehouse, target and logs in ``home``."""
    result = subprocess.run(
        [DBT, *arguments],
        cwd=project,
        env=dbt_environment(home, **environment),
        capture_output=True,
        text=True,
    )
    if check:
        assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    return result


def load_files(*arguments: str, home: Path, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """``python -m precision_marketing.load_files ARGUMENTS`` as a process with its warehouse in ``home``."""
    result = subprocess.run(
        [sys.executable, "-m", "precision_marketing.load_files", *arguments],
        cwd=ROOT,
        env=dbt_environment(home, **environment),
        capture_output=True,
        text=True,
    )
    if check:
        assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    return result


def run_printed(page: str, naming: str, home: Path, **instead: str) -> str:
    """Run the commands of a page of the docs word for word, in the project's folder, as one whose home is ``home``.

    naming: what tells the block of commands from the others of the page. instead: what of it, without slashes and dots,
    stands for which path of this machine. Returns what was printed.
    """
    # Blocks of a language are not commands, but they end like these.
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    (block,) = (block for language, block in blocks if not language and naming in block)
    for path in re.findall(r"/data/[\w./]+", block):
        block = block.replace(path, instead[re.sub(r"\W", "_", path.removeprefix("/data/"))])
    environment = {
        name: value
        for name, value in dbt_environment(home).items()
        if not name.startswith("MARKETING_") and name != "DBT_PROFILES_DIR"
    }
    environment |= {"HOME": str(home), "PATH": f"{Path(DBT).parent}:{os.environ['PATH']}"}
    ran = subprocess.run(["bash", "-euc", block], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    return ran.stdout


def dbt_environment(home: Path, **environment: str) -> dict[str, str]:
    """Environment variables of a dbt process whose files are all in ``home``."""
    return {
        **os.environ,
        "MARKETING_HOME": str(home),
        "MARKETING_SHUFFLE_PARTITIONS": "2",
        "DBT_PROFILES_DIR": str(ROOT),
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
        "DBT_USE_COLORS": "false",
        **KEYS,
        **environment,
    }


@dataclass(frozen=True)
class Demo:
    """A built demo warehouse: its MARKETING_HOME, what the build printed, and Spark's event log of it."""

    home: Path
    output: str
    events: Path


def build_demo(work: Path, customers: int) -> Demo:
    """The demo of so many customers, generated and built in ``work`` as ``make build`` does, on the target local.

    Where one was built before, that one.
    """
    home, events, output = work / "home", work / "events", work / "output.txt"
    if not output.exists():
        home.mkdir(mode=0o700, parents=True)
        log = event_log(events)
        (events / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in log.items()))
        built = subprocess.run(
            [sys.executable, "-m", "precision_marketing.build", "--customers", str(customers)],
            cwd=ROOT, env=dbt_environment(home, SPARK_CONF_DIR=str(events)), capture_output=True, text=True,
        )  # fmt: skip
        assert built.returncode == 0, built.stdout[-6000:] + built.stderr[-2000:]
        output.write_text(built.stdout)
    return Demo(home, output.read_text(), events)


def write_project(folder: Path, files: dict[str, str], **settings: object) -> Path:
    """A dbt project of its own in ``folder``, on this project's profile."""
    import yaml

    project = {"name": "example", "version": "1.0.0", "profile": "precision_marketing", **settings}
    for name, text in {"dbt_project.yml": yaml.safe_dump(project), **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


# What a run writes down about itself differs from run to run by design; versions bear the run's name, and a model that
# was trained anew has another artefact. What it scores is compared where it is published.
OF_ONE_RUN = re.compile(
    r"gate_.*|expectation_results|quality_scorecard|publications|erasure_.*|.*__v\d{14}\w{4}"
    r"|ml_.*_(model|scores)|model_(registry|metrics|drift)|score_drift"
)


def columns_of(server: Server, table: str) -> dict[str, str]:
    """Type by column."""
    found = {}
    for name, kind, _ in server.query(f"describe {table}"):
        if not name or name.startswith("#"):
            break
        found[name] = kind
    return found


def content(server: Server, table: str) -> tuple[int, int, list[float]]:
    """Rows, a checksum of all columns but floats, and for each float two sums that tell rows apart."""
    kinds = columns_of(server, table)
    floats = [name for name, kind in kinds.items() if kind in ("double", "float")]
    exact = ", ".join(f"`{name}`" for name in kinds if name not in floats)
    sums = "".join(
        f", coalesce(sum(`{name}`), 0), coalesce(sum(`{name}` * pmod(xxhash64({exact}), 1000)), 0)" for name in floats
    )
    row = server.query(
        f"select count(*), cast(coalesce(sum(cast(xxhash64({exact}) as decimal(38, 0))), 0) as string){sums} "
        f"from {table}"
    )[0]
    return row[0], row[1], list(row[2:])


def contents(server: Server, schemas: tuple[str, ...]) -> dict[str, tuple]:
    """``content`` of every table and view in ``schemas``."""
    return {
        f"{schema}.{table}": content(server, f"{schema}.{table}")
        for schema in schemas
        for _, table, _ in server.query(f"show tables in {schema}")
        if not OF_ONE_RUN.fullmatch(table)
    }


def assert_same(found: dict[str, tuple], expected: dict[str, tuple]) -> None:
    assert found.keys() == expected.keys()
    for table, (rows, checksum, floats) in expected.items():
        assert found[table][:2] == (rows, checksum), table
        assert found[table][2] == pytest.approx(floats, rel=1e-9, abs=1e-9), table


def stored_bytes(folder: Path) -> Iterator[bytes]:
    """Every file below ``folder`` as it is, and the decoded values of Parquet files."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_bytes()
            if path.suffix == ".parquet":
                for column in pq.read_table(path).itercolumns():
                    if pa.types.is_integer(column.type):
                        column = column.cast(pa.string())
                    for chunk in column.chunks:
                        yield from (buffer.to_pybytes() for buffer in chunk.buffers() if buffer is not None)


def found_in(parts: Iterable[bytes], secrets: set[bytes]) -> set[bytes]:
    """Those of ``secrets`` that are in any of ``parts``."""
    found = set()
    for part in parts:
        found |= {secret for secret in secrets - found if secret in part}
    return found
