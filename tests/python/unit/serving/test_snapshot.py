"""What a BI endpoint is made of, without Spark: files, statements, the call of the sandbox, and bytes passed on."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import harness
from dbt_spark_python import SparkUnavailable
from precision_marketing.serving import endpoint, relay, sandbox, server, snapshot

MONTH = "event_month=2024-03-01"


def test_a_file_is_in_the_partitions_of_its_folders_and_of_no_others(tmp_path: Path) -> None:
    inside = tmp_path / "a=b" / "table" / MONTH / "day=1" / "part.parquet"
    assert snapshot.keys(inside) == [MONTH, "day=1"]
    assert snapshot.keys(tmp_path / "a=b" / "table" / "part.parquet") == []
    assert snapshot.partitions([inside]) == ["event_month", "day"]
    assert snapshot.partitions([]) == []


@pytest.mark.parametrize("has_links", [True, False])
def test_files_are_linked_or_copied_and_none_takes_anothers_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    paths = [tmp_path / version / MONTH / "part-0.parquet" for version in ("v1", "v2")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_text(path.parts[-3])
    if not has_links:

        def refuse(*_: object) -> None:
            raise OSError("links are not supported")

        monkeypatch.setattr(os, "link", refuse)
    snapshot.link(paths, tmp_path / "taken")
    taken = sorted((tmp_path / "taken" / MONTH).iterdir())
    assert [path.read_text() for path in taken] == ["v1", "v2"]
    assert [path.stat().st_nlink for path in taken] == ([2, 2] if has_links else [1, 1])


def test_names_and_comments_are_quoted() -> None:
    columns = [
        {"name": "order", "type": "int", "comment": "'); drop"},
        {"name": "month", "type": "date", "comment": ""},
    ]
    table = {"database": "m", "table": "odd`name", "comment": "it's a \\ comment", "partitions": ["month"]}
    table |= {"folder": "/a b'c", "columns": columns}
    assert snapshot.statements([table]) == [
        "create database `m`",
        "create table `m`.`odd``name` (`order` int comment '\\'); drop', `month` date comment '') using parquet"
        " partitioned by (`month`) location '/a b\\'c' comment 'it\\'s a \\\\ comment'",
        "msck repair table `m`.`odd``name`",
    ]


def test_the_sandbox_has_no_variable_and_no_folder_of_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKETING_AES_KEY", "a secret")
    readable, scratch = tmp_path / "served" / "tables", tmp_path / "served" / "scratch"
    scratch.mkdir(parents=True)
    call = sandbox.contained(["java"], [readable], scratch)
    assert "a secret" not in " ".join(call)
    assert {"--clearenv", "--unshare-all", "--die-with-parent"} <= set(call)
    writable = [call[n + 1] for n, word in enumerate(call) if word == "--bind"]
    assert writable == [str(scratch)]
    shown = [call[n + 1] for n, word in enumerate(call) if word in ("--ro-bind", "--ro-bind-try", "--bind")]
    home = str(tmp_path)
    assert [path for path in shown if path == "/" or home.startswith(path + "/")] == []
    assert sorted(path for path in shown if path.startswith(home) and "/etc/" not in path) == sorted(
        [str(readable), str(scratch)]
    )


def test_settings_of_the_profile_that_may_be_secret_stay_outside(tmp_path: Path) -> None:
    profile = {"spark.master": "local[2]", "spark.hadoop.javax.jdo.option.ConnectionPassword": "a secret"}
    found = endpoint.settings(tmp_path, profile)
    assert found["spark.master"] == "local[2]"
    assert "a secret" not in found.values()


def test_snapshots_of_killed_servers_are_removed_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    gone, kept = tmp_path / f"{ended.pid}-1", tmp_path / f"{os.getpid()}-1"
    for folder in (gone, kept):
        folder.mkdir()
    endpoint.remove_leftovers(tmp_path)
    assert not gone.exists() and kept.exists()


def test_bytes_are_passed_on_in_both_directions_until_either_side_ends(tmp_path: Path) -> None:
    async def talk() -> list[bytes]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.readexactly(3)).upper() * 50_000)
            writer.close()

        answering = await asyncio.start_unix_server(answer, tmp_path / "server")
        passing = relay.passing(lambda: asyncio.open_unix_connection(tmp_path / "server"))
        door = await asyncio.start_unix_server(passing, tmp_path / "door")
        reader, writer = await asyncio.open_unix_connection(tmp_path / "door")
        writer.write(b"abc")
        found = [await reader.read()]
        answering.close()
        (tmp_path / "server").unlink(missing_ok=True)
        reader, writer = await asyncio.open_unix_connection(tmp_path / "door")
        found.append(await reader.read())
        door.close()
        return found

    assert asyncio.run(talk()) == [b"ABC" * 50_000, b""]


class Started:
    """A server that was started on a snapshot, without Spark."""

    def __init__(self, folder: Path, *_: object):
        self.folder, self.clients, self.retired_at, self.is_there = folder, 0, float("inf"), True

    def has_ended(self) -> bool:
        return not self.is_there

    def kill(self) -> None:
        self.is_there = False

    stop = kill


def test_each_role_has_a_server_and_a_snapshot_with_its_databases_and_all_are_renewed_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[dict[str, list[str]]] = []
    started: list[Started] = []

    def prepare(folders: dict[Path, list[str]], *_: object) -> None:
        taken.append({folder.name.rpartition("-")[2]: databases for folder, databases in folders.items()})
        for folder in folders:
            (folder / "scratch").mkdir(parents=True)

    def start(folder: Path, *_: object) -> Started:
        if len(started) == 5:
            raise SparkUnavailable("the sixth does not come up")
        started.append(Started(folder))
        return started[-1]

    monkeypatch.setattr(endpoint, "prepare", prepare)
    monkeypatch.setattr(endpoint, "start", start)
    shown = {"steward": ["marketing", "marketing_quality"], "analyst": ["marketing"]}
    supervisor = endpoint.Supervisor(tmp_path, shown, "marketing", {}, True)
    supervisor.renew()
    assert taken == [shown]
    steward, analyst = started
    assert steward.folder != analyst.folder and steward.folder.name.endswith("-steward")
    assert supervisor.endpoints == {"steward": [steward], "analyst": [analyst]} and not supervisor.needs_renewal()
    analyst.kill()
    assert supervisor.ended() == ["analyst"]
    supervisor.revive("analyst")
    revived = started[-1]
    assert supervisor.endpoints == {"steward": [steward], "analyst": [revived]} and revived.folder == analyst.folder
    started.append(Started(tmp_path))
    with pytest.raises(SparkUnavailable):
        supervisor.renew()  # the steward's comes up, the analyst's does not
    assert supervisor.endpoints == {"steward": [steward], "analyst": [revived]}
    assert not started[-1].is_there and sorted(path.name[-9:] for path in supervisor.served.iterdir()) == [
        "1-analyst", "1-steward",
    ]  # fmt: skip
    started.clear()
    steward.clients = 1
    supervisor.renew()
    supervisor.sweep()
    assert supervisor.endpoints == {"steward": [steward, started[0]], "analyst": [started[1]]}
    assert steward.is_there and not revived.is_there


def test_several_snapshots_are_taken_of_the_same_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    taken: list[tuple[object, ...]] = []

    @contextmanager
    def reading(target: str) -> Iterator[tuple[str, str]]:
        opened.append(target)
        yield "the session", "marketing"

    monkeypatch.setattr(snapshot, "reading", reading)
    monkeypatch.setattr(snapshot, "take", lambda *arguments: taken.append(arguments))
    monkeypatch.setattr(os, "umask", lambda mode: mode)
    one, other = tmp_path / "1", tmp_path / "2"
    monkeypatch.setattr(sys, "argv", ["snapshot", str(one), "m,m_quality", str(other), "m"])
    snapshot.main()
    assert opened == ["local"] and one.is_dir() and other.is_dir()
    assert taken == [("the session", ["m", "m_quality"], one), ("the session", ["m"], other)]


def test_what_was_published_since_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "marketing_quality.db" / "publications"
    folder.mkdir(parents=True)
    before = endpoint.fingerprint(tmp_path, "marketing")
    (folder / "part-1.parquet").touch()
    assert endpoint.fingerprint(tmp_path, "marketing") != before == []


def test_a_taken_port_is_told_in_a_line_and_is_held_while_the_snapshot_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.free_port()
    monkeypatch.chdir(harness.ROOT)
    monkeypatch.setenv("MARKETING_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["serve", "--port", str(port)])
    monkeypatch.setattr(os, "umask", lambda mode: mode)

    def second(_: object) -> None:
        with pytest.raises(SystemExit, match=f"^error: port {port} on 127.0.0.1 is taken"):
            endpoint.main()
        raise SparkUnavailable("the first one goes no further")

    monkeypatch.setattr(endpoint.Supervisor, "renew", second)
    with pytest.raises(SystemExit, match="^error: the first one goes no further$"):
        endpoint.main()


def test_options_that_do_not_go_together_are_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["serve", "--host", "0.0.0.0"])
    monkeypatch.setattr(os, "umask", lambda mode: mode)
    with pytest.raises(SystemExit, match="^error: --host 0.0.0.0 needs log-in and TLS: [^\n]*$"):
        endpoint.main()
