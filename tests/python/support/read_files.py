"""Files read as the loader reads them, without Spark: for tests of dialects, mappings and damage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from precision_marketing.loading import files, inspection, passes
from precision_marketing.loading.mapping import Input


def inspected(each: Input, paths: Sequence[Path]) -> list[inspection.File]:
    """What the loader finds in the files of one input."""
    found = []
    for path in paths:
        with open(path, "rb") as raw:
            file = inspection.describe(each, str(path), files.scan(raw))
        with open(path, "rb") as raw:
            file.profile = passes.profile(raw, file.layout)
        found.append(file)
    inspection.decide(found)
    return found


def rows(found: Sequence[inspection.File]) -> list[dict[str, Any]]:
    """The records that are kept, in normal form, by column."""
    loaded = []
    for file in found:
        with open(file.path, "rb") as raw:
            for batch in passes.rows(raw, file.layout):
                loaded += [dict(zip(file.layout.names, row[3:], strict=True)) for row in batch if row[1] is None]
    return loaded


def stated(each: Input, **columns: dict[str, Any]) -> Input:
    """The input with settings of some columns changed."""
    changed = tuple(replace(column, **columns.get(column.name, {})) for column in each.columns)
    return replace(each, columns=changed)
