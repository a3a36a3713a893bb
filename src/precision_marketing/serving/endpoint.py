"""What BI is given: the published tables of an embedded warehouse over thrift (JDBC, ODBC), read-only and contained.

    python -m precision_marketing.serve [--help]

The server runs on a snapshot of what is published, in a sandbox that has neither the warehouse nor its keys
(``sandbox``), so the warehouse is free for builds but while a snapshot is taken. When a build publishes, a second
server starts on a new snapshot, and new connections go there; the first ends with its last connection, or after
GRACE_SECONDS.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dbt_spark_python import WARNINGS, SparkUnavailable, java_home, rotate
from precision_marketing.project import private
from precision_marketing.serving import access, login, sandbox, snapshot
from precision_marketing.serving.relay import passing
from precision_marketing.serving.server import HOST, free_port, profile_target

START_SECONDS = 180
LOOK_SECONDS = 5
GRACE_SECONDS = 900
INNER_PORT = 10000
# What a server takes over from the target `local`; nothing else of it, as settings can hold secrets.
TAKEN_OVER = ("spark.master", "spark.driver.memory", "spark.scheduler.mode", "spark.sql.shuffle.partitions",
              "spark.sql.session.timeZone", "spark.sql.codegen.hugeMethodLimit")  # fmt: skip
# Warnings, but not of what clients ask: an error of theirs has the statement in it.
LOGGING = f"""{WARNINGS}logger.statements.name = org.apache.spark.sql.hive.thriftserver
logger.statements.level = off
logger.clients.name = org.apache.hive
logger.clients.level = off
logger.queries.name = org.apache.spark
logger.queries.level = off
logger.catalogue.name = org.apache.hadoop.hive
logger.catalogue.level = off
"""
UNPROTECTED = """
  NOT CONTAINED: this machine has no bubblewrap (Debian, Ubuntu, Fedora: package bubblewrap).
  Whoever can connect can run programs as you: read your files, the raw tables and the key file among them, and change
  them. The catalogue has the published tables alone, but nothing keeps a client to it. Do not give this port to others.
"""


def settings(folder: Path, profile: dict[str, str]) -> dict[str, str]:
    """Spark's settings for a server on the snapshot in ``folder``."""
    metastore, scratch = folder / "metastore", folder / "scratch"
    return {
        **{key: str(profile[key]) for key in TAKEN_OVER if key in profile},
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={metastore};create=true",
        # No pool, since pools make connections writable, which a read-only catalogue refuses.
        "spark.hadoop.datanucleus.connectionPoolingType": "NONE",
        "spark.driver.extraJavaOptions": (
            f"-Dderby.stream.error.file={scratch}/derby.log -Dlog4j2.configurationFile={folder}/logging.properties"
        ),
        "spark.ui.enabled": "false",
        "spark.hadoop.hive.server2.thrift.bind.host": HOST,
        "spark.hadoop.hive.server2.thrift.port": str(INNER_PORT),
    }


def submit(configuration: dict[str, str], application: str, *arguments: str) -> list[str]:
    """The spark-submit call of one of this folder's applications."""
    import pyspark

    pairs = [part for pair in configuration.items() for part in ("--conf", "=".join(pair))]
    return [
        str(Path(pyspark.__path__[0], "bin", "spark-submit")),
        *pairs,
        str(sandbox.APPLICATION / application),
        *arguments,
    ]


@dataclass
class Endpoint:
    """A server on one snapshot: its folder, its process, and how many clients it has."""

    folder: Path
    process: subprocess.Popen[bytes]
    is_contained: bool
    port: int
    clients: int = 0
    retired_at: float = field(default=float("inf"))

    @property
    def socket(self) -> Path:
        """Where clients are passed in, outside the sandbox."""
        return self.folder / "thrift.sock"

    @property
    def mark(self) -> Path:
        """A file in the scratch folder: who removes that folder, as a client can, takes Spark's own files with it."""
        return self.folder / "scratch" / "in use"

    def has_ended(self) -> bool:
        """Whether the server is gone, or its scratch folder: a client may end it either way."""
        return self.process.poll() is not None or not self.mark.exists()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.is_contained:
            return await asyncio.open_unix_connection(str(self.socket))
        return await asyncio.open_connection(HOST, self.port)

    def kill(self) -> None:
        """End the server and all that runs with it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End the server; its snapshot goes with it."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def fingerprint(warehouse: Path, schema: str) -> list[str]:
    """What tells one state of the publications from another: the files of the table that lists them."""
    return sorted(str(path) for path in (warehouse / f"{schema}_quality.db" / "publications").glob("*.parquet"))


def prepare(folders: dict[Path, list[str]], profile: dict[str, str], log: Path) -> None:
    """Take a snapshot of some databases into each folder, and make its catalogue.

    Raises SparkUnavailable, in one line, if that cannot be done.
    """
    taking = [sys.executable, "-m", "precision_marketing.serving.snapshot"]
    for folder, databases in folders.items():
        (folder / "scratch").mkdir(parents=True)
        taking += [str(folder), ",".join(databases)]
    with open(log, "ab") as output:
        taken = subprocess.run(taking, stdout=output, stderr=subprocess.PIPE, text=True, check=False)
        output.write(taken.stderr.encode())
    if taken.returncode:
        lines = taken.stderr.strip().splitlines() or ["it did not say why"]
        raise SparkUnavailable(f"no snapshot of the warehouse: {lines[-1]}")
    for folder in folders:
        make_catalogue(folder, profile, log)


def make_catalogue(folder: Path, profile: dict[str, str], log: Path) -> None:
    """Make the catalogue of a snapshot. Raises SparkUnavailable, in one line, if that cannot be done."""
    definitions = json.loads((folder / "tables.json").read_text())
    if not definitions:
        raise SparkUnavailable("nothing is published yet: run dbt build")
    (folder / "logging.properties").write_text(LOGGING)
    (folder / "statements.json").write_text(json.dumps(snapshot.statements(definitions)))
    environment = sandbox.environment(folder / "scratch")
    call = submit(settings(folder, profile), "catalogue_application.py", str(folder / "statements.json"))
    with open(log, "ab") as output:
        made = subprocess.run(call, stdout=output, stderr=output, env=environment, cwd=folder / "scratch", check=False)
    if made.returncode:
        raise SparkUnavailable(f"no catalogue of the snapshot (see {log})")
    for lock in (folder / "metastore").glob("*.lck"):
        lock.unlink()


def start(folder: Path, profile: dict[str, str], log: Path, is_contained: bool) -> Endpoint:
    """Start a server on a prepared snapshot. Raises SparkUnavailable if it ends or does not answer."""
    scratch = folder / "scratch"
    configuration = settings(folder, profile)
    port, handed = INNER_PORT, []
    (scratch / "in use").touch()
    if is_contained:
        configuration["spark.hadoop.javax.jdo.option.ConnectionURL"] = f"jdbc:derby:;databaseName={folder}/metastore"
        configuration["spark.hadoop.datanucleus.readOnlyDatastore"] = "true"
        configuration["spark.hadoop.datanucleus.schema.autoCreateAll"] = "false"
        # What the catalogue refuses once it refuses always: Hive tries again at once, not after two seconds, ten times.
        configuration["spark.hadoop.hive.hmshandler.retry.interval"] = "1ms"
        (folder / "thrift.sock").unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(folder / "thrift.sock"))
        listening.listen(128)
        handed = [listening.fileno()]
        inside = [sys.executable, str(sandbox.APPLICATION / "inside.py"), str(handed[0]), str(port)]
        command = sandbox.contained(
            [*inside, *submit(configuration, "thrift_application.py")],
            readable=[folder / "tables", folder / "metastore", folder / "logging.properties"],
            scratch=scratch,
        )
        environment = {"PATH": os.environ["PATH"], "JAVA_HOME": java_home()}
    else:
        port = free_port()
        configuration["spark.hadoop.hive.server2.thrift.port"] = str(port)
        command = submit(configuration, "thrift_application.py")
        environment = sandbox.environment(scratch)
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=scratch,
            start_new_session=True, pass_fds=handed,
        )  # fmt: skip
    if is_contained:
        listening.close()
    endpoint = Endpoint(folder, process, is_contained, port)
    deadline = time.monotonic() + START_SECONDS
    while not asyncio.run(answers(endpoint)):
        if process.poll() is not None or time.monotonic() > deadline:
            endpoint.stop()
            raise SparkUnavailable(f"the server did not come up (see {log})")
        time.sleep(0.2)
    return endpoint


async def answers(endpoint: Endpoint) -> bool:
    """Whether the server greets a client. That a connection is made says little: it may wait, or be hung up on."""
    try:
        reader, writer = await endpoint.connect()
    except OSError:
        return False
    try:
        writer.write(login.opening("served"))
        async with asyncio.timeout(5):
            return bool(await reader.read(1))
    except (TimeoutError, ConnectionError):
        return False
    finally:
        writer.close()


class Supervisor:
    """Keeps a server for each role on what is published, and passes clients to that of theirs.

    databases: what each role is shown. log_in: gives a client's role; None: nobody logs in, and there is one role.
    """

    def __init__(
        self, home: Path, databases: dict[str, list[str]], schema: str, profile: dict[str, str], is_contained: bool,
        log_in: login.LogIn | None = None,
    ):  # fmt: skip
        self.home, self.databases, self.schema, self.profile = home, databases, schema, profile
        self.is_contained, self.log_in = is_contained, log_in
        self.served = home / "served"
        self.log = home / "logs" / "serve.log"
        self.endpoints: dict[str, list[Endpoint]] = {role: [] for role in databases}
        self.seen: list[str] = []
        self.number = 0

    def note(self, text: str) -> None:
        """Write a line to the log."""
        with open(self.log, "a") as output:
            print(time.strftime("%Y-%m-%d %H:%M:%S"), text, file=output)

    def renew(self) -> None:
        """Start servers on what is published now. Raises SparkUnavailable; those before stay."""
        state = fingerprint(self.home / "warehouse", self.schema)
        self.number += 1
        folders = {role: self.served / f"{os.getpid()}-{self.number}-{role}" for role in self.databases}
        started: dict[str, Endpoint] = {}
        try:
            prepare({folders[role]: databases for role, databases in self.databases.items()}, self.profile, self.log)
            for role, folder in folders.items():
                started[role] = start(folder, self.profile, self.log, self.is_contained)
        except SparkUnavailable:
            for endpoint in started.values():
                endpoint.stop()
            for folder in folders.values():
                shutil.rmtree(folder, ignore_errors=True)
            raise
        for role, endpoint in started.items():
            for former in self.endpoints[role]:
                former.retired_at = min(former.retired_at, time.monotonic())
            self.endpoints[role].append(endpoint)
        self.seen = state

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client's connection, to the newest server of its role."""
        (role,), said = self.databases if self.log_in is None else ("",), b""
        if self.log_in is not None:
            address = (writer.get_extra_info("peername") or ["an unknown address"])[0]
            try:
                user, role = await self.log_in.admit(reader)
            except login.Refused as refused:
                self.note(f"refused from {address}: {refused.reason}")
                await login.refuse(reader, writer, refused)
                return
            except (asyncio.IncompleteReadError, OSError):
                writer.close()
                return
            self.note(f"admitted from {address}: {user!r} as {role}")
            said = login.opening(user)
        endpoint = self.endpoints[role][-1]

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            pair = await endpoint.connect()
            pair[1].write(said)
            return pair

        endpoint.clients += 1
        try:
            await passing(connect)(reader, writer)
        finally:
            endpoint.clients -= 1

    def ended(self) -> list[str]:
        """The roles whose newest server must be started again."""
        return [role for role, endpoints in self.endpoints.items() if endpoints[-1].has_ended()]

    def revive(self, role: str) -> None:
        """Start a role's newest server again, on its snapshot. Raises SparkUnavailable, and `renew` is left."""
        former = self.endpoints[role][-1]
        former.kill()
        shutil.rmtree(former.folder / "scratch", ignore_errors=True)
        (former.folder / "scratch").mkdir()
        self.endpoints[role][-1] = start(former.folder, self.profile, self.log, self.is_contained)

    def needs_renewal(self) -> bool:
        """Whether something was published since the newest servers started, or one cannot be revived."""
        return bool(self.ended()) or fingerprint(self.home / "warehouse", self.schema) != self.seen

    def sweep(self) -> None:
        """Stop servers that nobody uses any more."""
        now = time.monotonic()
        for endpoints in self.endpoints.values():
            for endpoint in endpoints[:-1]:
                if endpoint.clients == 0 or now - endpoint.retired_at > GRACE_SECONDS:
                    endpoint.stop()
                    endpoints.remove(endpoint)

    async def run(self, door: socket.socket, stop: asyncio.Event, tls: ssl.SSLContext | None = None) -> None:
        """Take clients from a listening socket until told to stop."""
        server = await asyncio.start_server(
            self.pass_on, sock=door, ssl=tls, ssl_handshake_timeout=login.HANDSHAKE_SECONDS if tls else None
        )
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
                break
            self.sweep()
            rotate(self.log)
            for role in self.ended():
                if self.endpoints[role][-1].folder.exists():
                    with suppress(SparkUnavailable):
                        await asyncio.to_thread(self.revive, role)
            if self.needs_renewal():
                try:
                    await asyncio.to_thread(self.renew)
                    print("Serving what was published since.", flush=True)
                except SparkUnavailable as error:
                    # A build has the warehouse open, say; what was served before still is.
                    self.note(f"not renewed: {error}")
        server.close()

    def close(self) -> None:
        """Stop all servers; no snapshot stays."""
        for endpoints in self.endpoints.values():
            for endpoint in endpoints:
                endpoint.stop()
        with suppress(OSError):
            self.served.rmdir()


def remove_leftovers(served: Path) -> None:
    """Remove the snapshots of supervisors that were killed: they would keep erased customers."""
    for folder in served.glob("*-*"):
        try:
            os.kill(int(folder.name.partition("-")[0]), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except PermissionError:
            continue


async def listen(supervisor: Supervisor, door: socket.socket, tls: ssl.SSLContext | None) -> None:
    """Serve until the process is interrupted or terminated."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await supervisor.run(door, stop, tls)


def main() -> None:
    """Entry point of ``python -m precision_marketing.serve``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    access.add_options(parser)
    arguments = parser.parse_args()
    private.from_now_on()
    is_contained = sandbox.is_available()
    try:
        wanted = access.checked(arguments, is_contained)
    except access.Wrong as error:
        sys.exit(f"error: {error}")
    for warning in wanted.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    try:
        # Before the snapshot, which takes a minute: who comes meanwhile waits, and a second server is told at once.
        door = socket.create_server((arguments.host, arguments.port), family=wanted.family)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            sys.exit(f"error: cannot listen on port {arguments.port} of {arguments.host}: {error.strerror}")
        sys.exit(f"error: port {arguments.port} on {arguments.host} is taken: choose another, or stop what has it")
    profile = profile_target("local")
    schema, home = profile["schema"], private.home().resolve()
    shown = {"analyst": [schema], "steward": [schema, f"{schema}_quality"]}
    (home / "logs").mkdir(parents=True, exist_ok=True)
    remove_leftovers(home / "served")
    rotate(home / "logs" / "serve.log", 0)
    supervisor = Supervisor(
        home, {role: shown[role] for role in wanted.roles}, schema, profile["server_side_parameters"], is_contained,
        login.LogIn(wanted.directory.role) if wanted.directory else None,
    )  # fmt: skip
    print("Taking a snapshot of what is published (about a minute) ...", flush=True)
    try:
        supervisor.renew()
    except SparkUnavailable as error:
        sys.exit(f"error: {error}")
    if not is_contained:
        print(UNPROTECTED, file=sys.stderr)
    note = "   read-only" if is_contained else ""
    address = f"{f'[{arguments.host}]' if ':' in arguments.host else arguments.host}:{arguments.port}"
    print(f"JDBC, ODBC: {address}   jdbc:hive2://{address}/{schema}{';ssl=true' if wanted.tls else ''}{note}")
    print(wanted.summary())
    print("Ctrl-C stops it.", flush=True)
    try:
        asyncio.run(listen(supervisor, door, wanted.tls))
    finally:
        supervisor.close()
