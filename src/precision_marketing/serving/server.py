"""One Spark application that serves a warehouse over both protocols: thrift and Spark Connect.

    python -m precision_marketing.server [--master URL] [--thrift-port N] [--connect-port N]

BI tools connect by JDBC/ODBC to the thrift port; dbt by ``--target thrift`` or ``--target connect``.
It has the settings of the target ``local`` in profiles.yml, so the same embedded warehouse unless ``--conf`` or
``--properties-file`` says otherwise, and stays in the foreground until it is told to stop.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jinja2 import Environment

from dbt_spark_python import (
    OWN_SETTINGS,
    SparkUnavailable,
    is_locked,
    java_home,
    open_session,
    release,
    rotate,
    submit_options,
)
from precision_marketing.project import private

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HOST = "127.0.0.1"
START_SECONDS = 180
LOOK_SECONDS = 5
SECRET = re.compile("password|passwd|secret|token|access[._-]?key", re.IGNORECASE)


def profile_target(target: str | None = None, profiles_dir: str | None = None) -> dict[str, Any]:
    """A target in profiles.yml, by default that of dbt, with environment variables filled in.

    Raises FileNotFoundError without a profiles.yml in ``profiles_dir`` ($DBT_PROFILES_DIR, else here).
    """
    path = Path(profiles_dir or os.environ.get("DBT_PROFILES_DIR", "."), "profiles.yml")
    environment = Environment()
    environment.filters["as_number"] = int
    text = environment.from_string(path.read_text()).render(env_var=os.environ.get)
    profile = yaml.safe_load(text)["precision_marketing"]
    return profile["outputs"][target or profile["target"]]


def profile_settings(target: str = "local", profiles_dir: str | None = None) -> dict[str, str]:
    """``server_side_parameters`` of a target in profiles.yml, as ``profile_target`` finds it."""
    return profile_target(target, profiles_dir)["server_side_parameters"]


@contextmanager
def reading(target: str | None = None) -> Iterator[tuple[SparkSession, str]]:
    """A session on a target of profiles.yml and the target's schema, to read only: it needs none of the vault's keys.

    Raises FileNotFoundError as ``profile_target`` does, and SparkUnavailable.
    """
    profile = profile_target(target)
    settings = profile["server_side_parameters"]
    session = open_session({key: value for key, value in settings.items() if key != OWN_SETTINGS + "sessionSetup"})
    try:
        yield session, profile["schema"]
    finally:
        release(session)


def server_settings(settings: dict[str, str], thrift_port: int, connect_port: int) -> dict[str, str]:
    """Spark's settings of a server on the two ports."""
    return {
        **{key: value for key, value in settings.items() if not key.startswith(OWN_SETTINGS)},
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": HOST,
        "spark.connect.grpc.binding.port": str(connect_port),
        "spark.hadoop.hive.server2.thrift.bind.host": HOST,
        "spark.hadoop.hive.server2.thrift.port": str(thrift_port),
    }


def command(options: list[str]) -> list[str]:
    """The spark-submit call that starts the server; ``options`` are those of ``submit_options``."""
    import pyspark

    submit = str(Path(pyspark.__path__[0], "bin", "spark-submit"))
    return [submit, *options, str(Path(__file__).with_name("thrift_application.py"))]


def given_settings(pairs: Sequence[str], file: Path | None) -> dict[str, str]:
    """The settings of ``--properties-file``, lines KEY=VALUE or KEY VALUE, overruled by those of ``--conf``.

    Raises ValueError for a pair without =, for a secret among them, which all users of the machine could read in the
    list of processes, and for a file that others can read or that is not there.
    """
    found = {}
    if file is not None:
        if not file.is_file():
            raise ValueError(f"there is no file {file}")
        if file.stat().st_mode & private.OTHERS:
            raise ValueError(f"{file.absolute()} is open to other users of this machine: chmod 600 it")
        for line in file.read_text().splitlines():
            if line.strip() and not line.lstrip().startswith(("#", "!")):
                key, *rest = re.split(r"\s*=\s*|\s+", line.strip(), maxsplit=1)
                found[key] = "".join(rest)
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"--conf takes KEY=VALUE, not {pair}")
        if SECRET.search(key):
            raise ValueError(
                f"--conf {key}=… can be read by all users of this machine: "
                "put it into a file of mode 600 and give that as --properties-file"
            )
        found[key] = value
    return found


def free_port() -> int:
    """A port of this machine on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def is_open(port: int) -> bool:
    """Whether something listens on ``port`` of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def start(settings: dict[str, str], thrift_port: int, connect_port: int, log: Path) -> subprocess.Popen[bytes]:
    """Start the server and wait until both ports answer; what it prints goes to ``log``.

    Raises SparkUnavailable, in one line, if a port is taken or the server ends or does not answer.
    """
    for port in (thrift_port, connect_port):
        if is_open(port):
            raise SparkUnavailable(f"port {port} on {HOST} is taken: choose another, or stop what has it")
    if is_locked(settings):
        raise SparkUnavailable("the server did not start: another process has the warehouse open")
    environment = {**os.environ, "JAVA_HOME": java_home()}
    environment.setdefault("PYSPARK_PYTHON", sys.executable)
    log.parent.mkdir(parents=True, exist_ok=True)
    rotate(log, 0)
    with submit_options(server_settings(settings, thrift_port, connect_port)) as options:
        with open(log, "ab") as output:
            server = subprocess.Popen(
                command(options),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not (is_open(thrift_port) and is_open(connect_port)):
            if server.poll() is not None or time.monotonic() > deadline:
                server.kill()
                raise SparkUnavailable(f"the server did not start: it did not come up (see {log})")
            time.sleep(0.2)
    return server


def main() -> None:
    """Entry point of ``python -m precision_marketing.server``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--master", help="a cluster's spark:// address; default: this machine")
    parser.add_argument("--thrift-port", type=int, default=10000)
    parser.add_argument("--connect-port", type=int, default=15002)
    parser.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE", help="a Spark setting")
    parser.add_argument("--properties-file", type=Path, metavar="FILE",
                        help="Spark settings, of mode 600: for what holds a password")  # fmt: skip
    arguments = parser.parse_args()
    private.from_now_on()
    settings = profile_settings()
    if arguments.master:
        settings["spark.master"] = arguments.master
    log = private.home() / "logs" / "server.log"
    try:
        settings |= given_settings(arguments.conf, arguments.properties_file)
        if said := private.note([private.home()]):
            print(said, file=sys.stderr)
        server = start(settings, arguments.thrift_port, arguments.connect_port, log)
    except (SparkUnavailable, ValueError) as error:
        sys.exit(f"error: {error}")
    print(
        f"thrift (JDBC, ODBC): {HOST}:{arguments.thrift_port}   jdbc:hive2://{HOST}:{arguments.thrift_port}/marketing"
    )
    print(f"Spark Connect:       sc://{HOST}:{arguments.connect_port}")
    print("Ctrl-C stops it.", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while server.poll() is None:
            rotate(log)
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        server.terminate()
        server.wait()
