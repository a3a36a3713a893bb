"""The log-in in front of the server: what clients may send, who is let in where, and who has to wait."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldap_server import make_certificate
from precision_marketing.serving import access, login
from precision_marketing.serving.directory import DirectoryUnavailable, NoRole, WrongPassword
from precision_marketing.serving.endpoint import Supervisor
from precision_marketing.serving.login import BAD, COMPLETE, ERROR, OK, START, LogIn, Refused, message

PASSWORD = "the right pässword"
ROLES = {"anna": "analyst", "stefan": "steward"}
WITHOUT_ZERO = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)


def plain(user: str, password: str, acting_for: str = "") -> bytes:
    """What a client sends to log in."""
    return message(START, b"PLAIN") + message(OK, f"{acting_for}\0{user}\0{password}".encode())


def role(user: str, password: str) -> str:
    """A directory in which everybody has the same password, and two have a role."""
    if user == "unlucky":
        raise DirectoryUnavailable("ldaps://directory: no answer")
    if password != PASSWORD:
        raise WrongPassword
    if user not in ROLES:
        raise NoRole("in none of the groups")
    return ROLES[user]


def read(parts: list[bytes], reads: Callable[[asyncio.StreamReader], Awaitable[Any]]) -> tuple[Any, bytes]:
    """What ``reads`` makes of bytes that arrive in parts, and the bytes that it leaves."""

    async def both() -> tuple[Any, bytes]:
        reader = asyncio.StreamReader()
        task = asyncio.ensure_future(reads(reader))
        for part in parts:
            reader.feed_data(part)
            await asyncio.sleep(0)
        reader.feed_eof()
        return await task, await reader.read()

    return asyncio.run(both())


@settings(deadline=None)
@given(
    user=WITHOUT_ZERO, password=WITHOUT_ZERO, cuts=st.sets(st.integers(1, 700)), status=st.sampled_from([OK, COMPLETE])
)
def test_a_log_in_is_read_however_its_bytes_arrive_and_nothing_after_it(
    user: str, password: str, cuts: set[int], status: int
) -> None:
    sent = message(START, b"PLAIN") + message(status, f"\0{user}\0{password}".encode()) + b"what follows"
    ends = sorted(cut for cut in cuts if cut < len(sent))
    parts = [sent[start:end] for start, end in zip([0, *ends], [*ends, len(sent)], strict=True)]
    assert read(parts, login.credentials) == ((user, password), b"what follows")


@settings(deadline=None)
@given(sent=st.binary(max_size=200) | st.builds(lambda tail: message(START, b"PLAIN") + tail, st.binary(max_size=200)))
def test_whatever_a_client_sends_it_is_refused_or_has_broken_off(sent: bytes) -> None:
    try:
        (user, password), _ = read([sent], login.credentials)
    except (Refused, asyncio.IncompleteReadError):
        return
    assert f"\0{user}\0{password}".encode() in sent


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (message(START, b"GSSAPI"), "the only SASL mechanism here is PLAIN"),
        (message(START, b"PLAIN\0"), "the only SASL mechanism here is PLAIN"),
        (message(START, b""), "the only SASL mechanism here is PLAIN"),
        (message(OK, b"PLAIN"), "must begin with SASL's START"),
        (message(START, b"PLAIN") + message(BAD, b""), "the log-in was broken off"),
        (message(START, b"PLAIN") + message(START, b"\0anna\0x"), "the log-in was broken off"),
        (message(START, b"PLAIN") + message(OK, b"anna\0x"), "three parts"),
        (message(START, b"PLAIN") + message(OK, b""), "three parts"),
        (message(START, b"PLAIN") + message(OK, b"\0anna\0x\0y"), "three parts"),
        (message(START, b"PLAIN") + message(OK, b"\0anna\0\xff"), "must be UTF-8"),
        (plain("anna", PASSWORD, acting_for="stefan"), "nobody acts for another"),
        (struct.pack(">BI", START, login.MESSAGE_BYTES + 1), "no log-in by SASL PLAIN"),
        (message(START, b"PLAIN") + struct.pack(">BI", OK, 2**32 - 1), "no log-in by SASL PLAIN"),
        # A client without SASL: a call of Thrift; and one of another protocol altogether.
        (b"\x80\x01\x00\x01\x00\x00\x00\x0bOpenSession\x00\x00\x00\x00", "no log-in by SASL PLAIN"),
        (b"GET / HTTP/1.1\r\n\r\n", "no log-in by SASL PLAIN"),
    ],
)
def test_what_is_no_log_in_by_plain_is_refused_with_a_reason(sent: bytes, text: str) -> None:
    with pytest.raises(Refused, match=text):
        read([sent], login.credentials)


@pytest.mark.parametrize(
    ("user", "password", "status", "text"),
    [
        ("anna", "wrong", BAD, "wrong user or password"),
        ("nobody", "wrong", BAD, "wrong user or password"),
        ("anna", "", BAD, "wrong user or password"),
        ("", PASSWORD, BAD, "wrong user or password"),
        ("anna\n", PASSWORD, BAD, "wrong user or password"),
        ("gast", PASSWORD, BAD, "this user may not see anything here"),
        ("unlucky", PASSWORD, ERROR, "the directory of users cannot be asked now"),
    ],
)
def test_who_is_not_let_in_learns_no_more_than_that(user: str, password: str, status: int, text: str) -> None:
    with pytest.raises(Refused) as refused:
        read([plain(user, password)], lambda reader: LogIn(role).admit(reader))
    assert (refused.value.status, str(refused.value)) == (status, text)
    assert repr(user) in refused.value.reason and PASSWORD not in refused.value.reason


class Waits:
    """A clock that only sleeping moves on, and how long each sleep was."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, list[float]()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
        self.now += seconds


def test_who_guesses_waits_longer_each_time_until_the_password_is_right() -> None:
    waits = Waits()
    door = LogIn(role, waits.clock, waits.sleep)

    def attempt(user: str, password: str) -> None:
        try:
            read([plain(user, password)], door.admit)
        except Refused:
            assert password != PASSWORD

    for user in ("anna", "Anna", "ＡＮＮＡ", "anna", "anna", "anna", "anna", "anna", "anna", "anna"):
        attempt(user, "wrong")
    assert waits.slept == [1, 2, 4, 8, 16, 30, 30]
    attempt("stefan", PASSWORD)
    assert len(waits.slept) == 7, "another user does not wait"
    waits.now += 20
    attempt("anna", PASSWORD)
    assert waits.slept[7:] == [10], "what has passed already counts"
    for _ in range(4):
        attempt("anna", "wrong")
    assert waits.slept[8:] == [1]


def test_guesses_made_at_the_same_time_wait_for_each_other() -> None:
    waits = Waits()
    door = LogIn(role, waits.clock, waits.sleep)

    async def guess() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(plain("anna", "wrong"))
        await door.admit(reader)

    async def guesses() -> list[BaseException | None]:
        return await asyncio.gather(*(guess() for _ in range(login.LOG_INS_OF_ONE + 5)), return_exceptions=True)

    found = [str(error) for error in asyncio.run(guesses())]
    assert found.count("wrong user or password") == login.LOG_INS_OF_ONE
    assert found.count("too many log-ins at once: try again later") == 5
    assert waits.slept == [1, 2, 4, 8, 16] + [30] * (login.LOG_INS_OF_ONE - login.FREE_FAILURES - 5)
    assert not door.under_way.total()


def test_who_says_nothing_is_not_waited_for_and_does_not_keep_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "HANDSHAKE_SECONDS", 0.05)
    monkeypatch.setattr(login, "LOG_INS", 3)
    door = LogIn(role)

    async def silent() -> None:
        await door.admit(asyncio.StreamReader())

    async def some() -> list[BaseException | None]:
        return await asyncio.gather(*(silent() for _ in range(4)), return_exceptions=True)

    assert [str(error) for error in asyncio.run(some())] == ["no log-in within 0.05 seconds"] * 3 + [
        "too many log-ins at once: try again later"
    ]
    assert read([plain("anna", PASSWORD)], door.admit)[0] == ("anna", "analyst")


def test_who_is_refused_can_read_why_before_the_connection_ends() -> None:
    """Data on the way to a connection that is closed would take the answer with it."""

    class Writer:
        def __init__(self) -> None:
            self.done = list[object]()

        def write(self, sent: bytes) -> None:
            self.done.append(sent)

        async def drain(self) -> None:
            self.done.append("sent")

        def close(self) -> None:
            self.done.append("closed")

    async def refused() -> list[object]:
        reader, writer = asyncio.StreamReader(), Writer()
        task = asyncio.ensure_future(login.refuse(reader, writer, Refused(BAD, "no")))  # type: ignore[arg-type]
        for part in (b"more", b"of a log-in"):
            reader.feed_data(part)
            await asyncio.sleep(0)
        writer.done.append("the client ends")
        reader.feed_eof()
        await task
        return writer.done

    assert asyncio.run(refused()) == [message(BAD, b"no"), "sent", "the client ends", "closed"]


class Server:
    """A fake server of one role: it keeps what it is sent, and answers as one that lets in everybody."""

    def __init__(self, path: Path):
        self.path, self.clients, self.received = path, 0, list[bytes]()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(message(COMPLETE, b""))
        self.received.append(await reader.readexactly(len(login.opening("anna")) + 4))
        self.received[-1] += await reader.readuntil(b"?")
        writer.write(self.path.name.encode())
        writer.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self.path)


@pytest.mark.parametrize("has_tls", [False, True])
def test_each_client_reaches_the_server_of_its_role_which_never_sees_a_password(tmp_path: Path, has_tls: bool) -> None:
    (tmp_path / "logs").mkdir()
    servers = {name: Server(tmp_path / name) for name in ("analyst", "steward")}
    supervisor = Supervisor(tmp_path, {name: [name] for name in servers}, "marketing", {}, True, LogIn(role))
    supervisor.endpoints = {name: [server] for name, server in servers.items()}  # type: ignore[list-item]
    tls, trusting = None, None
    if has_tls:
        paths = make_certificate(tmp_path)
        tls, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=paths[0])
        tls.load_cert_chain(*paths)

    async def talk() -> dict[str, bytes]:
        for server in servers.values():
            await asyncio.start_unix_server(server.answer, server.path)
        door = await asyncio.start_server(supervisor.pass_on, "127.0.0.1", 0, ssl=tls)
        port = door.sockets[0].getsockname()[1]

        async def client(sent: bytes) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
            writer.write(sent)
            status, length = struct.unpack(">BI", await reader.readexactly(5))
            answer = message(status, await reader.readexactly(length))
            if status == COMPLETE:
                answer += await reader.read()
            writer.close()
            return answer

        sent = {user: plain(user, PASSWORD) + b"and what is asked?" for user in ("anna", "stefan", "gast")}
        sent["wrong"] = plain("anna", "wrong") + b"and what is asked?"
        sent["without SASL"] = b"\x80\x01\x00\x01" + b"\0" * 1_000_000
        return {name: await client(each) for name, each in sent.items()}

    assert asyncio.run(talk()) == {
        "anna": message(COMPLETE, b"") + b"analyst",
        "stefan": message(COMPLETE, b"") + b"steward",
        "gast": message(BAD, b"this user may not see anything here"),
        "wrong": message(BAD, b"wrong user or password"),
        "without SASL": message(ERROR, b"this is no log-in by SASL PLAIN"),
    }
    for user, name in ROLES.items():
        assert servers[name].received == [login.opening(user) + b"and what is asked?"]
        assert servers[name].clients == 0
        assert PASSWORD.encode() not in servers[name].received[0]
    lines = (tmp_path / "logs" / "serve.log").read_text()
    assert PASSWORD not in lines
    for part in ("admitted from 127.0.0.1: 'anna' as analyst", "refused from 127.0.0.1: 'gast': no role (in none of"):
        assert part in lines


def test_pyhive_logs_in_over_tls_and_is_told_why_not(tmp_path: Path) -> None:
    """The client that Superset and dbt use, as far as a server without Spark goes."""
    from pyhive import hive
    from thrift.transport.TSSLSocket import TSSLSocket
    from thrift.transport.TTransport import TTransportException
    from thrift_sasl import TSaslClientTransport

    (tmp_path / "logs").mkdir()
    server = Server(tmp_path / "analyst")
    supervisor = Supervisor(tmp_path, {"analyst": ["marketing"]}, "marketing", {}, True, LogIn(role))
    supervisor.endpoints = {"analyst": [server]}  # type: ignore[list-item]
    certificate, key = make_certificate(tmp_path)

    def client(port: int, password: str) -> str:
        sasl = {"host": "127.0.0.1", "sasl_auth": "PLAIN", "username": "anna", "password": password}
        wire = TSSLSocket("127.0.0.1", port, cert_reqs=ssl.CERT_REQUIRED, ca_certs=str(certificate))
        transport = TSaslClientTransport(lambda: hive.get_installed_sasl(**sasl), "PLAIN", wire)
        try:
            transport.open()
        except TTransportException as error:
            return str(error.message)
        finally:
            transport.close()
        return "logged in"

    async def both() -> list[str]:
        await asyncio.start_unix_server(server.answer, server.path)
        tls = access.server_tls(str(certificate), str(key))
        door = await asyncio.start_server(supervisor.pass_on, "127.0.0.1", 0, ssl=tls)
        port = door.sockets[0].getsockname()[1]
        return [await asyncio.to_thread(client, port, password) for password in (PASSWORD, "wrong")]

    assert asyncio.run(both()) == ["logged in", "Bad status: 3 (b'wrong user or password')"]
