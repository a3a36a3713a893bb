"""What each part of the decision benchmark returns."""

from __future__ import annotations

from typing import NamedTuple


class Figure(NamedTuple):
    """One line of the table: what was measured, and how a baseline, this project and the best possible do."""

    figure: str
    baseline: str
    ours: str
    best: str
    interval: str
    note: str = ""
