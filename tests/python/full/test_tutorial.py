"""The tutorial, word for word, in a home of its own: its commands run, and print what the page says."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import harness

PAGE = "docs/tutorial.md"
# A block of commands or of output, and the table below it if there is one.
BLOCKS = re.compile(r"^```\n(.*?)^```$(?:\n\n((?:\|[^\n]*\n)+))?", re.DOTALL | re.MULTILINE)
COMMANDS = ("python ", "dbt ", "export ")


def rows(text: str) -> list[list[str]]:
    """The rows of a table in Markdown, or as dbt prints one: headings first, cells without blanks around."""
    found = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines() if "|" in line]
    return [row for row in found if not set("".join(row)) <= set("-: ")]


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    blocks = BLOCKS.findall((harness.ROOT / PAGE).read_text())
    commands = [(block, table) for block, table in blocks if block.startswith(COMMANDS)]
    assert len(commands) >= 7
    script = "".join(f"echo '== {number}'\n{block}" for number, (block, _) in enumerate(commands))
    environment = {
        name: value
        for name, value in harness.dbt_environment(tmp_path).items()
        if not name.startswith("MARKETING_") and name != "DBT_PROFILES_DIR"
    }
    environment |= {"HOME": str(tmp_path), "PATH": f"{Path(harness.DBT).parent}:{os.environ['PATH']}"}
    ran = subprocess.run(["bash", "-euc", script], cwd=harness.ROOT, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert "ERROR=0 SKIP=0" in ran.stdout and "not published" not in ran.stdout
    printed = re.split(r"^== \d+\n", ran.stdout, flags=re.MULTILINE)[1:]
    shown = [(table, out) for (_, table), out in zip(commands, printed, strict=True) if table]
    assert len(shown) == 4
    for table, out in shown:
        assert rows(table) == rows(out)
    # The excerpt of the dry run; a line that names a file does so in the reader's home.
    (excerpt,) = (block for block, _ in blocks if block.startswith("lines: "))
    said = [" ".join(line.split()) for line in ran.stdout.replace(str(tmp_path), "~").splitlines()]
    assert [line for line in excerpt.splitlines() if line != "..." and " ".join(line.split()) not in said] == []
