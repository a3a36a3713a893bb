"""Decisions against a baseline and the best possible: budgets, mixes, prices, offers, timing and overdue contracts.

python benchmarks/decisions.py [--data FOLDER] [--only budget mix prices offers timing]

Each line is one figure with its baseline, ours, what would be the best possible, and an interval. Truth is planted by
simulators in `decision_parts`; Open Bandit and Complete Journey are read where they are (docs/real_data.md).
"""

from __future__ import annotations

import argparse
import importlib
import os
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = Path(os.environ.get("MARKETING_SHARED_DATA", ROOT.parent / "shared" / "data"))
PARTS = ("budget", "mix", "prices", "offers", "timing")


def main() -> None:
    """Print a table in Markdown per part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    for part in options.only:
        begun = time.perf_counter()
        figures = importlib.import_module(f"decision_parts.{part}").figures(options.data)
        print(f"\n## {part} ({time.perf_counter() - begun:.0f} s)\n")
        print("| figure | baseline | ours | best possible | 95% interval | note |")
        print("|---|---|---|---|---|---|")
        for figure in figures:
            print("| " + " | ".join(figure) + " |", flush=True)


if __name__ == "__main__":
    main()
