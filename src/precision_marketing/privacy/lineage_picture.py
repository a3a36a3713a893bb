"""Where personal data goes, as a picture.

python -m precision_marketing.lineage
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from precision_marketing.privacy.inventory import inventory, read_register
from precision_marketing.privacy.lineage import SENSITIVE, LineageError, RawColumn

# ----------------------------------------------------------------------------------------- picture

ENDS = {
    "published": '[("<b>published</b><br/>views in marketing")]',
    "vault": '[("<b>vault</b><br/>read with the key only")]',
    "build": "[marts and ML tables, not published]",
    "quality": "[quality tables]",
    "staging": "[staging only]",
    "nowhere": "[no table]",
}
LINE_LENGTH = 40
WORDS = {
    "none": "as it is", "mask": "masked", "hash": "hashed", "encrypt": "encrypted",
    "generalise": "generalised", "aggregate": "aggregated",
}  # fmt: skip


def mermaid(rows: Iterable[Mapping[str, Any]], register: Iterable[Mapping[str, str]]) -> str:
    """A flowchart of raw columns above L1, those that fare alike as one box, and how far each form of them gets."""
    furthest: dict[RawColumn, dict[str, str]] = defaultdict(dict)
    ends = list(ENDS)
    for row in rows:
        if row["is_stored"]:
            reached = furthest[row["source_table"], row["source_column"]]
            reached[row["treatment"]] = min(_end(row), reached.get(row["treatment"], "nowhere"), key=ends.index)
    groups: dict[tuple, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in register:
        if row["level"] != "L1":
            reached = furthest[row["table_name"], row["column_name"]]
            # Beside the plain value, a lesser form of it that gets no further tells nothing.
            told = {
                (form, end)
                for form, end in reached.items()
                if form == "none" or ends.index(end) < ends.index(reached.get("none", "nowhere"))
            }
            fate = tuple(sorted(told, key=lambda pair: (ends.index(pair[1]), pair[0]))) or (("none", "nowhere"),)
            groups[row["level"] in SENSITIVE, fate][row["table_name"]].append(row["column_name"])
    lines = ["flowchart LR"]
    edges: list[list[str]] = []
    for sensitive, title in ((True, "L3 and L4: name, locate or number a person"), (False, "L2: harmless alone")):
        lines.append(f'  subgraph {"sensitive" if sensitive else "personal"}["{title}"]')
        for (is_sensitive, fate), columns in groups.items():
            if is_sensitive == sensitive:
                box = f"c{len(edges)}"
                text = "<br/>".join(_lines(table, names) for table, names in columns.items())
                lines.append(f'    {box}["{text}"]')
                edges.append([f"  {box} -->|{_words(form, end)}| {end}" for form, end in fate])
        lines.append("  end")
    used = {end for _, fate in groups for _, end in fate}
    lines += [f"  {end}{shape}" for end, shape in ENDS.items() if end in used]
    return "\n".join([*lines, *(line for group in edges for line in group)])


def _lines(table: str, names: Sequence[str]) -> str:
    return f"<b>{table}</b><br/>" + "<br/>".join(textwrap.wrap(", ".join(names), LINE_LENGTH))


def _end(row: Mapping[str, Any]) -> str:
    if row["is_published"]:
        return "published"
    return "build" if row["layer"] in ("mart", "ml") else row["layer"]


def _words(form: str, end: str) -> str:
    return "dropped" if end == "nowhere" else ", ".join(WORDS[treatment] for treatment in form.split("+"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the picture of docs/lineage.md for a project compiled by ``dbt compile``."""
    parser = argparse.ArgumentParser(prog="python -m precision_marketing.lineage", description=main.__doc__)
    parser.add_argument("--manifest", type=Path, default=Path("target/manifest.json"))
    parser.add_argument("--register", type=Path, default=Path("seeds/pii_register.csv"))
    options = parser.parse_args(arguments)
    try:
        register = read_register(options.register)
        print(mermaid(inventory(json.loads(options.manifest.read_text()), register), register))
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} does not exist; run dbt compile in the project's folder first")
    except LineageError as error:
        sys.exit(str(error))
