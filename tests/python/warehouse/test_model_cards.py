"""The model cards of a built warehouse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import harness


def command(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "precision_marketing.model_cards", *arguments],
        cwd=harness.ROOT, env=harness.dbt_environment(home, **environment), capture_output=True, text=True,
    )  # fmt: skip


def test_every_model_of_the_demo_has_a_card(demo, served: harness.Server, tmp_path: Path) -> None:
    """The copy in docs has the same cards, whatever their figures."""
    arguments = ["--target", "connect", "--output", str(tmp_path / "cards.md")]
    written = command(demo.home, *arguments, **served.environment)
    assert written.returncode == 0, written.stderr
    headings = [line for line in (tmp_path / "cards.md").read_text().splitlines() if line.startswith(("## ", "- **"))]
    stored = (harness.ROOT / "docs" / "model_cards.md").read_text().splitlines()
    assert headings == [line for line in stored if line.startswith(("## ", "- **"))]
    assert sum(line.startswith("## ") for line in headings) == 9
