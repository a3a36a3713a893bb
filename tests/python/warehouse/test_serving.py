"""What BI is given: the published tables, and nothing else, whatever a client tries."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

import harness
import ldap_server
from dbt_spark_python import java_home
from ldap_server import PASSWORDS
from precision_marketing.serving import sandbox

SECRET = "a secret that no client may see"
START_SECONDS = 600


class Endpoint(NamedTuple):
    """A served warehouse, and files of its owner that clients must not reach."""

    server: harness.Server
    home: Path
    secret: Path


@contextmanager
def serving(demo: harness.Demo, home: Path, *options: str) -> Iterator[int]:
    """The demo behind ``make serve``, on the port that is given: its files, and a copy of its catalogue, which another
    server has open. What is printed is in ``printed.log``."""
    shutil.copytree(demo.home / "metastore", home / "metastore", ignore=shutil.ignore_patterns("*.lck"))
    (home / "warehouse").symlink_to(demo.home / "warehouse")
    port = harness.free_port()
    environment = {**os.environ, "MARKETING_HOME": str(home), "MARKETING_AES_KEY": SECRET, "OTHER_SECRET": SECRET,
                   "DBT_PROFILES_DIR": str(harness.ROOT)}  # fmt: skip
    with open(home / "printed.log", "w") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "precision_marketing.serve", "--port", str(port), *options],
            env=environment, stdout=printed, stderr=printed, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_SECONDS
        while "Ctrl-C" not in (home / "printed.log").read_text():
            log = home / "logs" / "serve.log"
            assert process.poll() is None and time.monotonic() < deadline, (home / "printed.log").read_text() + (
                log.read_text()[-3000:] if log.exists() else ""
            )
            time.sleep(0.5)
        yield port
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
        process.wait(60)
    assert not (home / "served").exists(), "a snapshot that stays would keep erased customers"


@pytest.fixture(scope="module")
def endpoint(demo: harness.Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The demo behind ``make serve``."""
    if not sandbox.is_available():
        pytest.skip("no bubblewrap on this machine")
    home = tmp_path_factory.mktemp("served")
    secret = home / "secret.txt"
    secret.write_text(SECRET + "\n")
    with serving(demo, home) as port:
        yield Endpoint(harness.Server(port, 0, home), home, secret)


def attempts(endpoint: Endpoint, demo: harness.Demo) -> dict[str, str]:
    """What a client may try, by what it is after."""
    raw = demo.home / "warehouse" / "raw.db" / "crm_customers"
    shell = "select transform(1) using '{}' as (found)".format
    return {
        "a file": f"select * from text.`{endpoint.secret}`",
        "a file as bytes": f"select cast(content as string) from binaryFile.`{endpoint.secret}`",
        "a file by a view": f"create temporary view seen using text options (path '{endpoint.secret}')",
        "a file by a shell": shell(f"cat {endpoint.secret}"),
        "files of the project": shell(f"ls {harness.ROOT}/seeds"),
        "raw tables": "select * from raw.crm_customers",
        "raw files": f"select * from parquet.`{raw}`",
        "raw files by a shell": shell(f"ls {raw}"),
        "versions that are not approved": "select * from marketing_build.customer_rfm",
        "the vault": "select * from marketing_vault.customer_vault",
        "the truth of the demo": "select * from demo_truth.customers",
        "the environment": "select java_method('java.lang.System', 'getenv', 'OTHER_SECRET')",
        "a key": "select java_method('java.lang.System', 'getenv', 'MARKETING_AES_KEY')",
        "the environment by reflection": "select reflect('java.lang.System', 'getenv')",
        "the environment by a shell": shell("env"),
        "other processes": shell("cat /proc/1/environ"),
        "other processes' commands": shell("ps aux"),
        "settings": "set",
        "all settings": "set -v",
        "users of the machine": shell("cat /etc/passwd"),
        "shadow": shell("cat /etc/shadow"),
        "home folders": shell(f"ls /home {Path.home()}/.ssh"),
        "the network": shell(f'bash -c "exec 3<>/dev/tcp/127.0.0.1/{endpoint.server.thrift_port} && echo reached"'),
        "keys by a function": "select keyed_hash('x')",
        "decryption": "select decrypt('x')",
    }


def changes(endpoint: Endpoint) -> dict[str, str]:
    """What a client may try to change."""
    table = "marketing.customer_rfm"
    shell = "select transform(1) using '{}' as (found)".format
    return {
        "drop a database": "drop database marketing cascade",
        "drop a table": f"drop table {table}",
        "insert": f"insert into {table} select * from {table}",
        "overwrite": f"insert overwrite {table} select * from {table} limit 1",
        "truncate": f"truncate table {table}",
        "rename": f"alter table {table} rename to marketing.gone",
        "move a table": f"alter table {table} set location '/tmp'",
        "a column": f"alter table {table} add columns (evil int)",
        "properties": f"alter table {table} set tblproperties ('evil' = 'yes')",
        "a comment": f"comment on table {table} is 'evil'",
        "a view over others": "create or replace view marketing.dim_dates as select 1 as evil",
        "a table": "create table marketing.evil as select 1 as evil",
        "an external table": "create table marketing.evil (x string) using text location '/etc'",
        "a database": "create database evil",
        "a function": "create function marketing.evil as 'java.lang.String'",
        "files of a table": shell(f"rm -rf {endpoint.home}/served"),
        "the catalogue": shell(f"bash -c \"echo x > $(ls -d {endpoint.home}/served/*)/metastore/service.properties\""),
        "the owner's files": f"insert overwrite directory '{endpoint.home}/written' using text select 'evil'",
        "temporary files": "insert overwrite directory '/var/tmp/evil' using text select 'evil'",
        "Python": shell(f"touch {sys.prefix}/evil"),
    }  # fmt: skip


def tried(server: harness.Server, sql: str) -> str:
    """What a client gets: the rows as text, or the server's message."""
    from pyhive.exc import Error

    try:
        return "\n".join(str(value) for row in server.query(sql) for value in row)
    except Error as error:
        return str(error)


def test_everything_published_is_there_and_nothing_else(endpoint: Endpoint, served: harness.Server) -> None:
    assert {name for (name,) in endpoint.server.query("show databases")} == {"default", "marketing"}
    tables = {name for _, name, _ in served.query("show tables in marketing")}
    assert {name for _, name, _ in endpoint.server.query("show tables in marketing")} == tables
    assert len(tables) > 40
    assert endpoint.server.query("show tables in default") == []
    count = " union all ".join(f"select '{name}', count(*) from marketing.{name}" for name in sorted(tables))
    assert sorted(endpoint.server.query(count)) == sorted(served.query(count))


def test_columns_have_the_types_and_comments_of_the_marts(endpoint: Endpoint, served: harness.Server) -> None:
    for table in ("customer_360", "fct_events", "customer_tags", "decision_log"):
        described = endpoint.server.query(f"describe marketing.{table}")
        columns = [row for row in described if not row[0].startswith("#")]
        assert dict.fromkeys(columns) == dict.fromkeys(served.query(f"describe marketing.{table}"))
    details = {key: value for key, value, _ in endpoint.server.query("describe extended marketing.customer_rfm")}
    assert details["Comment"].startswith("One row per customer")


def test_figures_are_those_of_the_warehouse(endpoint: Endpoint, served: harness.Server) -> None:
    for sql in (
        "select value_group, count(*), sum(monetary) from marketing.customer_rfm group by all order by 1",
        "select event_month, count(*), max(occurred_at) from marketing.fct_events group by all order by 1",
    ):
        assert endpoint.server.query(sql) == served.query(sql)


def test_nobody_gets_a_key_a_file_or_a_row_of_another_table(endpoint: Endpoint, demo: harness.Demo) -> None:
    got = {goal: tried(endpoint.server, sql) for goal, sql in attempts(endpoint, demo).items()}
    assert {goal: text for goal, text in got.items() if SECRET in text} == {}
    for goal in ("files of the project", "raw files by a shell", "home folders", "shadow", "the network"):
        assert "Subprocess exited with status" in got[goal], goal
    for goal in ("raw tables", "versions that are not approved", "the vault", "the truth of the demo"):
        assert "TABLE_OR_VIEW_NOT_FOUND" in got[goal], goal
    assert "PATH_NOT_FOUND" in got["raw files"]
    assert got["users of the machine"].count("\n") == 0
    assert "null" in got["a key"] and "UNRESOLVED_ROUTINE" in got["decryption"] + got["keys by a function"]


def test_the_same_attempts_succeed_where_nothing_is_contained(
    endpoint: Endpoint, demo: harness.Demo, served: harness.Server
) -> None:
    """Else the test above would prove nothing: the server of builds runs as its owner."""
    tries = attempts(endpoint, demo)
    for goal in ("a file", "a file as bytes", "a file by a shell"):
        assert SECRET in tried(served, tries[goal])
    assert "TABLE_OR_VIEW_NOT_FOUND" not in tried(served, tries["raw tables"] + " limit 1")


def test_nobody_changes_anything(endpoint: Endpoint, demo: harness.Demo) -> None:
    def state() -> tuple[object, ...]:
        return (
            endpoint.server.query("show databases"),
            endpoint.server.query("show tables in marketing"),
            endpoint.server.query("describe marketing.dim_dates"),
            endpoint.server.query("select count(*), sum(monetary) from marketing.customer_rfm"),
            sorted(str(path) for path in (demo.home / "warehouse" / "marketing_build.db").rglob("*")),
            sorted(str(path) for path in endpoint.home.glob("*")),
        )

    before = state()
    for goal, sql in changes(endpoint).items():
        tried(endpoint.server, sql)
        wait_for(endpoint.server)
        assert endpoint.server.query("show tables in marketing") == before[1], goal
    assert state() == before
    assert not Path(sys.prefix, "evil").exists() and not Path("/var/tmp/evil").exists()
    assert endpoint.secret.read_text() == SECRET + "\n"


def wait_for(server: harness.Server) -> None:
    """Until a client is served; what a client broke is mended within seconds."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            assert server.query("select 2 + 2 as four, count(*) from range(10)") == [(4, 10)]
            return
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def test_a_server_that_a_client_ends_is_started_again(endpoint: Endpoint) -> None:
    tried(endpoint.server, "select java_method('java.lang.System', 'exit', 0)")
    wait_for(endpoint.server)


def test_what_is_printed_and_logged_has_no_statement_and_is_private(endpoint: Endpoint) -> None:
    endpoint.server.query("select 'a statement to be found' as x")
    for wrong in ("select from where 'a statement to be found'", "select 'a statement to be found' as x from nowhere",
                  "select cast('a statement to be found' as int) + assert_true(false)"):  # fmt: skip
        tried(endpoint.server, wrong)
    log = endpoint.home / "logs" / "serve.log"
    assert "a statement to be found" not in log.read_text()
    assert log.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (endpoint.home / "served").glob("*"))


class Guarded(NamedTuple):
    """A served warehouse that asks for a log-in over TLS."""

    port: int
    home: Path
    certificate: Path

    def query(self, user: str, password: str, sql: str) -> list[tuple]:
        """Rows of ``sql``, asked over thrift and TLS."""
        from pyhive import hive
        from thrift.transport.TSSLSocket import TSSLSocket
        from thrift_sasl import TSaslClientTransport

        wire = TSSLSocket("127.0.0.1", self.port, cert_reqs=ssl.CERT_REQUIRED, ca_certs=str(self.certificate))
        sasl = {"host": "127.0.0.1", "sasl_auth": "PLAIN", "username": user, "password": password}
        transport = TSaslClientTransport(lambda: hive.get_installed_sasl(**sasl), "PLAIN", wire)
        connection = hive.Connection(thrift_transport=transport)
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            return cursor.fetchall()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def guarded(demo: harness.Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """The demo behind ``make serve`` with log-in and TLS, for two roles."""
    if not sandbox.is_available():
        pytest.skip("no bubblewrap on this machine")
    home = tmp_path_factory.mktemp("guarded")
    (home / "ldap").mkdir()
    certificate, key = ldap_server.make_certificate(home)
    with ldap_server.ldap_server(home / "ldap") as users:
        options = ["--tls-certificate", certificate, "--tls-key", key, "--ldap-url", users.tls_url,
                   "--ldap-certificates", users.certificate, "--ldap-user-dn", ldap_server.USER_DN,
                   "--analyst-group", ldap_server.ANALYSTS, "--steward-group", ldap_server.STEWARDS]  # fmt: skip
        with serving(demo, home, *map(str, options)) as port:
            yield Guarded(port, home, certificate)


def test_who_logs_in_sees_what_the_role_has(guarded: Guarded) -> None:
    seen = {user: guarded.query(user, PASSWORDS[user], "show databases") for user in ("anna", "stefan")}
    assert set(seen["anna"]) == {("default",), ("marketing",)}
    assert set(seen["stefan"]) == {("default",), ("marketing",), ("marketing_quality",)}
    count = "select count(*) from marketing.customer_rfm"
    ((rows,),) = guarded.query("anna", PASSWORDS["anna"], count)
    assert rows > 0 and guarded.query("stefan", PASSWORDS["stefan"], count) == [(rows,)]
    # The other server is not even among the files and processes that a program of a client's finds.
    look = "select transform(1) using 'bash -c \"ls {}; cat /proc/*/cmdline | tr -d 0-9\"' as (found)"
    found = guarded.query("anna", PASSWORDS["anna"], look.format(guarded.home / "served"))
    assert "analyst" in str(found) and "steward" not in str(found)


def test_who_does_not_log_in_is_refused_and_no_password_is_left_anywhere(guarded: Guarded) -> None:
    from thrift.transport.TTransport import TTransportException

    for user, password, text in (
        ("anna", "wrong", "wrong user or password"),
        ("anna", "", "wrong user or password"),
        ("nobody", PASSWORDS["anna"], "wrong user or password"),
        ("gast", PASSWORDS["gast"], "this user may not see anything here"),
    ):
        with pytest.raises(TTransportException, match=f"Bad status: 3 .*{text}"):
            guarded.query(user, password, "select 1")
    with pytest.raises(TTransportException):
        harness.Server(guarded.port, 0).query("select 1")  # without TLS
    written = b"".join(path.read_bytes() for path in [guarded.home / "printed.log", *guarded.home.glob("logs/*")])
    assert b"refused from 127.0.0.1: 'gast': no role" in written
    assert not [password for password in PASSWORDS.values() if password.encode() in written]


def test_jdbc_logs_in_over_tls(guarded: Guarded) -> None:
    """By beeline, with the certificate in a trust store of Java's."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    certificate = pkcs12.PKCS12Certificate(
        x509.load_pem_x509_certificate(guarded.certificate.read_bytes()), b"endpoint"
    )
    store = guarded.home / "trusted.p12"
    store.write_bytes(pkcs12.serialize_java_truststore([certificate], BestAvailableEncryption(b"changeit")))
    url = f"jdbc:hive2://127.0.0.1:{guarded.port}/marketing;ssl=true;sslTrustStore={store};trustStorePassword=changeit"
    # As in the activated environment, whose Python tells beeline where Spark is.
    activated = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "JAVA_HOME": java_home(), "PATH": activated}
    beeline = [str(Path(sys.executable).with_name("beeline")), "--outputformat=csv2", "-u", url, "-n", "anna"]

    def said(password: str) -> str:
        """What beeline prints: the count, or why not."""
        ran = subprocess.run(
            [*beeline, "-p", password, "-e", "select concat('found ', count(*)) as c from dim_dates"],
            capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return ran.stdout + ran.stderr

    ((days,),) = guarded.query("anna", PASSWORDS["anna"], "select count(*) from marketing.dim_dates")
    assert f"found {days}\n" in said(PASSWORDS["anna"])
    assert "Peer indicated failure: wrong user or password" in said("wrong")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are listed by /proc")
def test_a_password_of_a_setting_is_in_no_list_of_processes(served: harness.Server) -> None:
    assert served.query("set spark.hadoop.some.password")[0][1] != "<undefined>"
    shown = set()
    for arguments in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            shown.add(arguments.read_bytes())
    assert any(b"thrift_application.py" in found for found in shown)
    assert [found for found in shown if harness.PASSWORD.encode() in found] == []


def test_the_log_of_the_server_for_builds_has_no_statement(served: harness.Server) -> None:
    assert served.logs is not None
    for wrong in ("select 'a statement to be found' as x from nowhere",
                  "select assert_true(id > 9, 'a statement to be found') from range(3)"):  # fmt: skip
        with pytest.raises(Exception, match=r"nowhere|a statement to be found"):
            served.query(wrong)
    assert "a statement to be found" not in (served.logs / "server.log").read_text()
