"""Bytes from one socket to another: how clients reach a server that has no network.

    python relay.py DESCRIPTOR PORT

takes clients from the listening socket that it inherits and passes each to the port of this machine, which is the
server's own inside the sandbox. It needs nothing but Python, since it runs there.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Pass on what arrives until there is no more, or the other side is gone."""
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except (OSError, asyncio.CancelledError):
        pass
    finally:
        target.close()


def passing(
    connect: Callable[[], Awaitable[Pair]],
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """What to do with a client: connect to the server for it, and pass on both directions."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await connect()
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, server_writer), copy(server_reader, writer))

    return serve


async def main() -> None:
    """Listen until the process ends."""
    listening, port = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    server = await asyncio.start_unix_server(
        passing(lambda: asyncio.open_connection("127.0.0.1", port)), sock=listening
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
