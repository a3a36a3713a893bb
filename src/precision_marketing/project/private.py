"""Files of a warehouse are for who owns it alone: tables, metastore, logs, reports.

``from_now_on`` is called by each command that writes such files, and by dbt's plug-in. What was there before keeps its
mode, for somebody may have opened it on purpose; ``note`` says so in a line.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

OTHERS = 0o077


def home() -> Path:
    """The folder of the embedded warehouse: $MARKETING_HOME, else .warehouse."""
    return Path(os.environ.get("MARKETING_HOME", ".warehouse"))


def from_now_on() -> None:
    """What this process and those that it starts write can be read by its owner alone."""
    os.umask(OTHERS)


def note(folders: Iterable[Path]) -> str | None:
    """What to say of folders that were there before and that other users of the machine can read; None without any."""
    found = [str(path.absolute()) for path in folders if path.is_dir() and path.stat().st_mode & OTHERS]
    if os.name != "posix" or not found:
        return None
    return f"Other users of this machine can read {', '.join(found)}. To close: chmod -R go= {shlex.join(found)}"
