"""A process that reaches published data and nothing else, by bubblewrap.

What runs inside has none of the environment of who starts it, no network, no other process in sight, and of the file
system the operating system's programs, Python and Java, one folder to read and one to write. So whoever gets a shell
inside gets published data.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from dbt_spark_python import java_home

APPLICATION = Path(__file__).parent
# Not a name, a user or an address of the machine.
FILES = {
    "passwd": "served:x:1000:1000::/:/bin/false\n",
    "group": "served:x:1000:\n",
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
# Where Debian and others keep what programs of /usr look up outside it.
SYSTEM = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/java-17-openjdk", "/etc/java-21-openjdk", "/etc/localtime")


def is_available() -> bool:
    """Whether this machine can contain a process: bubblewrap is installed and may make namespaces."""
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None or not sys.platform.startswith("linux"):
        return False
    tried = subprocess.run(
        [bubblewrap, "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True, check=False
    )
    return tried.returncode == 0


def environment(scratch: Path) -> dict[str, str]:
    """All variables that a served process has."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "JAVA_HOME": java_home(),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(scratch),
    }


def contained(command: list[str], readable: list[Path], scratch: Path) -> list[str]:
    """The call that runs ``command`` contained: it reads ``readable`` and writes ``scratch``, under their own names."""
    call = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    call += ["--uid", "1000", "--gid", "1000", "--hostname", "localhost"]
    call += ["--ro-bind", "/usr", "/usr"]
    for folder in ("/bin", "/sbin", "/lib", "/lib64"):
        if os.path.islink(folder):
            call += ["--symlink", os.readlink(folder), folder]
        else:
            call += ["--ro-bind-try", folder, folder]
    for path in SYSTEM:
        call += ["--ro-bind-try", path, path]
    for file_name, text in FILES.items():
        file = scratch.parent / "etc" / file_name
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.write_text(text)
        call += ["--ro-bind", str(file), f"/etc/{file_name}"]
    call += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    java = java_home()
    programs = dict.fromkeys([sys.base_prefix, sys.prefix, java, os.path.realpath(java), str(APPLICATION)])
    for folder in [*programs, *map(str, readable)]:
        if not folder.startswith("/usr/"):
            call += ["--ro-bind", folder, folder]
    call += ["--bind", str(scratch), str(scratch), "--chdir", str(scratch)]
    for variable, value in environment(scratch).items():
        call += ["--setenv", variable, value]
    return [*call, *command]
