"""What runs in the sandbox: Spark's thrift server on its own loopback, and the socket by which clients reach it.

    python inside.py DESCRIPTOR PORT COMMAND ...

The socket is open already and has no name in the sandbox, so that nobody there can put another in its place. The
program ends when the server does.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Start the relay and the server; the exit code is the server's."""
    descriptor, port, *command = sys.argv[1:]
    relay = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("relay.py")), descriptor, port], pass_fds=[int(descriptor)]
    )
    try:
        return subprocess.call(command)
    finally:
        relay.kill()


if __name__ == "__main__":
    sys.exit(main())
