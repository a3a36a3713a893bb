"""Start Superset with the bundle's dashboards, on this machine alone.

    make dashboards                       # this, in Superset's own environment
    python dashboards/start_superset.py [--port 8088]

Its files, the secret key and what people make in it are in ``MARKETING_HOME/superset``. ``MARKETING_BI_URL`` is the
warehouse that it reads, by default what `make serve` serves.
"""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
USER = "admin"
PASSWORD_IS = "password of admin: "


def environment(home: Path) -> dict[str, str]:
    """What Superset is started with: its folder, its settings, and nothing of the warehouse's keys."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MARKETING_", "SUPERSET_"))}
    return {
        **kept,
        "SUPERSET_HOME": str(home),
        "SUPERSET_CONFIG_PATH": str(HERE / "superset_config.py"),
        "FLASK_APP": "superset.app:create_app()",
    }


def create_secret(path: Path) -> None:
    """A key for Superset's sessions, once, which its owner alone can read."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))


def contents(url: str | None, schema: str) -> dict[str, str]:
    """The bundle's files by path, for another warehouse where ``url`` names one, or another schema than marketing."""
    import yaml

    found = {}
    for path in sorted((HERE / "bundle").rglob("*.yaml")):
        content = yaml.safe_load(path.read_text())
        if url and "sqlalchemy_uri" in content:
            content["sqlalchemy_uri"] = url  # Superset takes a password out of it, and keeps that encrypted
        if path.name == "metadata.yaml":
            content["type"] = "assets"  # an import of dashboards would leave charts and datasets as they were
        if "schema" in content:
            content["schema"] = content["schema"].replace("marketing", schema, 1)
        found[str(path.relative_to(HERE / "bundle"))] = yaml.safe_dump(content)
    return found


def set_up(url: str | None, schema: str) -> None:
    """Make or bring up to date Superset's own database, its first user, and the dashboards, in this process."""
    from flask import g
    from flask_migrate import upgrade
    from superset.app import create_app

    with create_app().app_context():
        upgrade()
        from superset import appbuilder, security_manager
        from superset.commands.importers.v1.assets import ImportAssetsCommand

        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        user = security_manager.find_user(USER)
        if user is None:
            password = secrets.token_urlsafe(12)
            role = security_manager.find_role("Admin")
            user = security_manager.add_user(USER, "First", "User", "admin@localhost", role, password)
            print(PASSWORD_IS + password, flush=True)
        g.user = user
        ImportAssetsCommand(contents(url, schema)).run()


def main() -> None:
    """Entry point of ``python dashboards/start_superset.py``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=8088)
    parser.add_argument("--set-up", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.set_up:
        set_up(sys.stdin.readline().strip() or None, sys.stdin.readline().strip())
        return
    try:
        socket.create_server((HOST, arguments.port)).close()
    except OSError:
        sys.exit(f"error: port {arguments.port} on {HOST} is taken: choose another, or stop what has it")
    os.umask(0o077)
    home = Path(os.environ.get("MARKETING_HOME", ".warehouse")).resolve() / "superset"
    home.mkdir(parents=True, exist_ok=True)
    create_secret(home / "secret_key")
    print("Setting up Superset and its dashboards (a minute or two) ...", flush=True)
    # The address may hold a password, so it goes in by the standard input.
    given = f"{os.environ.get('MARKETING_BI_URL', '')}\n{os.environ.get('MARKETING_SCHEMA', 'marketing')}\n"
    log = home / "superset.log"
    with open(log, "w") as errors:
        done = subprocess.run(
            [sys.executable, __file__, "--set-up"],
            input=given, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment(home), check=False,
        )  # fmt: skip
    for line in done.stdout.splitlines():
        if line.startswith(PASSWORD_IS):
            print(f"The first user is {USER}, the password {line.removeprefix(PASSWORD_IS)}: it is shown this once.")
    if done.returncode:
        last = log.read_text().strip().splitlines()[-1:] or ["it did not say why"]
        sys.exit(f"error: Superset could not be set up: {last[0]} (see {log})")
    print(f"Dashboards: http://{HOST}:{arguments.port}/dashboard/list/\nCtrl-C stops it.", flush=True)
    with open(log, "a") as output:
        gunicorn = [sys.executable, "-m", "gunicorn", "--workers", "1", "--worker-class", "gthread", "--threads", "8"]
        gunicorn += ["--timeout", "300", "--bind", f"{HOST}:{arguments.port}", "superset.app:create_app()"]
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        os.execve(sys.executable, gunicorn, environment(home))


if __name__ == "__main__":
    main()
