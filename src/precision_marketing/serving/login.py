"""The log-in of HiveServer2's clients, taken in front of the server, so that no password gets there.

A client of a server with ``hive.server2.authentication`` NONE, LDAP or CUSTOM begins with SASL PLAIN (RFC 4616) in
Thrift's messages: a status (one byte), a length (four bytes, big-endian) and so many bytes. First comes START with the
mechanism's name, then a message with whom to act for, user and password, separated by zero bytes. The server answers
COMPLETE, or BAD or ERROR with a text, and what follows is not SASL's any more.
"""

from __future__ import annotations

import asyncio
import struct
import time
import unicodedata
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakValueDictionary

from precision_marketing.serving.directory import DirectoryUnavailable, NoRole, WrongPassword, is_name

START, OK, BAD, ERROR, COMPLETE = range(1, 6)
MESSAGE_BYTES = 4096
HANDSHAKE_SECONDS = 10
LINGER_SECONDS = 2
# Log-ins under way: of all users, and of one.
LOG_INS = 256
LOG_INS_OF_ONE = 32
FREE_FAILURES = 3
LONGEST_WAIT_SECONDS = 30
REMEMBERED_NAMES = 10_000


class Refused(Exception):
    """A client that is not let in. ``status`` and the message are for the client, ``reason`` is for the log."""

    def __init__(self, status: int, text: str, reason: str | None = None):
        super().__init__(text)
        self.status, self.reason = status, reason or text


def message(status: int, payload: bytes) -> bytes:
    """A message of Thrift's SASL."""
    return struct.pack(">BI", status, len(payload)) + payload


def opening(user: str) -> bytes:
    """What a client sends to log in to a server that asks nobody for a password."""
    return message(START, b"PLAIN") + message(OK, b"\0" + user.encode() + b"\0x")


async def read_message(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and payload of the next message. Raises Refused if it is too long to be part of a log-in."""
    status, length = struct.unpack(">BI", await reader.readexactly(5))
    if length > MESSAGE_BYTES:
        raise Refused(ERROR, "this is no log-in by SASL PLAIN")
    return status, await reader.readexactly(length)


async def credentials(reader: asyncio.StreamReader) -> tuple[str, str]:
    """The user and the password that a client begins with.

    Raises Refused where it begins otherwise, and asyncio.IncompleteReadError where it ends before.
    """
    status, mechanism = await read_message(reader)
    if status != START:
        raise Refused(ERROR, "the log-in must begin with SASL's START")
    if mechanism != b"PLAIN":
        raise Refused(ERROR, "the only SASL mechanism here is PLAIN: user and password")
    status, payload = await read_message(reader)
    if status not in (OK, COMPLETE):
        raise Refused(ERROR, "the log-in was broken off")
    parts = payload.split(b"\0")
    if len(parts) != 3:
        raise Refused(ERROR, "SASL PLAIN has three parts: whom to act for, user, password")
    try:
        acting_for, user, password = (part.decode() for part in parts)
    except UnicodeDecodeError:
        raise Refused(ERROR, "user and password must be UTF-8") from None
    if acting_for not in ("", user):
        raise Refused(BAD, "nobody acts for another user here")
    return user, password


class LogIn:
    """Asks for user and password, and slows down who guesses.

    role: gives the role of a user with a password, as ``Directory.role`` does; it is called in a thread.
    After FREE_FAILURES in a row, the next try for the same name waits a second, then two, four, up to
    LONGEST_WAIT_SECONDS. Tries for one name are made one after another, so that none goes around that.
    """

    def __init__(
        self,
        role: Callable[[str, str], str],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ):
        self.role, self.clock, self.sleep = role, clock, sleep
        # Threads of its own: a directory that does not answer shall not hold up the rest.
        self.threads = ThreadPoolExecutor(8, "log-in")
        self.failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self.locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.under_way: Counter[str] = Counter()

    async def admit(self, reader: asyncio.StreamReader) -> tuple[str, str]:
        """The user's name and role. Raises Refused, and asyncio.IncompleteReadError if the client leaves."""
        if self.under_way.total() >= LOG_INS:
            raise Refused(ERROR, "too many log-ins at once: try again later")
        self.under_way[""] += 1
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                user, password = await credentials(reader)
        except TimeoutError:
            raise Refused(ERROR, f"no log-in within {HANDSHAKE_SECONDS} seconds") from None
        finally:
            self.under_way[""] -= 1
        # What a directory takes for the same name is the same here.
        name = unicodedata.normalize("NFKC", user).casefold()
        if not is_name(user) or not password:
            raise Refused(BAD, "wrong user or password", f"{user[:256]!r}: no name, or no password")
        if self.under_way[name] >= LOG_INS_OF_ONE:
            raise Refused(ERROR, "too many log-ins at once: try again later", f"{user!r}: too many log-ins at once")
        self.under_way[name] += 1
        try:
            async with self.locks.setdefault(name, asyncio.Lock()):
                return user, await self._check(user, password, name)
        finally:
            self.under_way[name] -= 1
            if not self.under_way[name]:
                del self.under_way[name]

    def wait_seconds(self, name: str) -> float:
        """How long the next try for a name has to wait from now on."""
        number, at = self.failures.get(name, (0, 0.0))
        if number < FREE_FAILURES:
            return 0
        return max(0, at + min(2 ** (number - FREE_FAILURES), LONGEST_WAIT_SECONDS) - self.clock())

    async def _check(self, user: str, password: str, name: str) -> str:
        if seconds := self.wait_seconds(name):
            await self.sleep(seconds)
        try:
            role = await asyncio.get_running_loop().run_in_executor(self.threads, self.role, user, password)
        except WrongPassword:
            number, _ = self.failures.pop(name, (0, 0.0))
            self.failures[name] = min(number + 1, 100), self.clock()
            if len(self.failures) > REMEMBERED_NAMES:
                self.failures.popitem(last=False)
            raise Refused(BAD, "wrong user or password", f"{user!r}: wrong user or password") from None
        except NoRole as error:
            self.failures.pop(name, None)
            raise Refused(BAD, "this user may not see anything here", f"{user!r}: no role ({error})") from None
        except DirectoryUnavailable as error:
            raise Refused(ERROR, "the directory of users cannot be asked now", f"{user!r}: {error}") from None
        self.failures.pop(name, None)
        return role


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, refused: Refused) -> None:
    """Tell a client why, and hang up once it has read that: data that nobody read would take the answer with it."""
    try:
        writer.write(message(refused.status, str(refused).encode()))
        await writer.drain()
        async with asyncio.timeout(LINGER_SECONDS):
            while await reader.read(65536):
                pass
    except (TimeoutError, OSError):
        pass
    finally:
        writer.close()
