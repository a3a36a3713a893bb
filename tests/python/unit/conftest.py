"""What modules without Spark share: the project as dbt reads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import harness


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """dbt's manifest of the project as it is, parsed anew."""
    target = tmp_path_factory.mktemp("target")
    options = ["--no-partial-parse", "--target-path", target, "--log-path", target, "--profiles-dir", harness.ROOT]
    run = subprocess.run(
        [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "parse", *options],
        cwd=harness.ROOT,
        env={**os.environ, "MARKETING_HOME": str(target)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads((target / "manifest.json").read_text())
