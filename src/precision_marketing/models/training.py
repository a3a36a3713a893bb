"""What a training gives: its candidates, their figures, and the champion among them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

if TYPE_CHECKING:
    pass


class SettingError(ValueError):
    """A setting of the project that cannot be: whoever set it must be told, so no training goes on without it."""


class Metric(NamedTuple):
    """A figure about a trained model on data that it did not see.

    ``value`` with its 95% interval ``ci_low`` to ``ci_high`` (None where there is none), the same figure of the naive
    ``baseline`` (None where there is none) and the ``rows`` it is computed from. ``segment`` names the part of the
    data, '' for all of it.
    """

    metric: str
    value: float
    ci_low: float | None = None
    ci_high: float | None = None
    baseline: float | None = None
    rows: int | None = None
    segment: str = ""


def is_surely_ahead(gain: Metric) -> bool:
    """Whether a gain over the baseline, 0 for none, exceeds one standard error: a quarter of its 95% interval.

    Without an interval, or one that a single customer gives, nobody knows: no.
    """
    if gain.ci_low is None or gain.ci_high is None or gain.ci_low == gain.ci_high:
        return False
    return gain.value > (gain.ci_high - gain.ci_low) / 4


@dataclass(frozen=True)
class Candidate:
    """A fitted model: what it is called, what it is (pickleable), how it was set and how well it does.

    ``tables`` are small frames about it by name, such as coefficients; they are kept as JSON.
    """

    algorithm: str
    model: Any
    metrics: Sequence[Metric] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """The candidates of one training, the name of the best one, and the days and rows it learned from.

    ``profile`` describes the inputs (``drift.profile``), to be compared with what is scored later. ``failure`` says why
    the training gave no champion; '' where there is one.
    """

    candidates: Sequence[Candidate]
    champion: str
    rows: int
    trained_from: dt.date | None = None
    trained_until: dt.date | None = None
    profile: Mapping[str, Any] = field(default_factory=dict)
    failure: str = ""


def failed(error: Exception) -> Training:
    """A training without a champion, and why: nothing is published but the reason (`model_verdicts`)."""
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return Training([Candidate("none", None, parameters={"failure": reason})], "none", 0, failure=reason)
