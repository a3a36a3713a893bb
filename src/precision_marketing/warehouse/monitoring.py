"""Drift by population stability index: of the inputs, what is scored today against what was learned from; of the
scores, this build's against those of the last build that was approved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from precision_marketing.models import drift
from precision_marketing.models.inputs import column_names
from precision_marketing.warehouse import lifetime_value, registry
from precision_marketing.warehouse.frames import to_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame
    from pyspark.sql import SparkSession

SCHEMA = "model_name string, version string, feature string, psi double, status string, chance_psi double"
SCORE_SCHEMA = (
    "model_name string, score string, psi double, status string, chance_psi double, rows bigint, mean double, "
    "rows_before bigint, mean_before double"
)
ROWS = 50_000


def model_drift(
    session: SparkSession, runs: Mapping[str, SparkDataFrame], frames: Mapping[str, SparkDataFrame]
) -> SparkDataFrame:
    """One row per model and feature (``SCHEMA``); none for a model that was not trained or has nothing to score.

    runs: by model, its training model's rows; frames: by model, the rows that are scored now.
    """
    names = column_names(SCHEMA)
    parts = [pd.DataFrame({name: [] for name in names})]
    for name, run in runs.items():
        champion = run.where("is_champion").select("version", "profile").first()
        if champion is None:
            continue
        current = registry.sample(frames[name], "customer_id", ROWS, ["customer_id"])
        if "average_repeat_amount" in current:
            current = lifetime_value.summary(current)
        if len(current):
            found = drift.drift_table(json.loads(champion.profile), current)
            parts.append(found.assign(model_name=name, version=champion.version)[names])
    return to_spark(session, pd.concat(parts, ignore_index=True), SCHEMA)


def score_drift(
    dbt: Any, session: SparkSession, scores: Mapping[str, tuple[SparkDataFrame, str, str]]
) -> SparkDataFrame:
    """One row per model and score (``SCORE_SCHEMA``); none where there are no scores now.

    scores: by model, the rows of this build, the name of the dbt model that made them, and the column with the score.
    On a first build there is nothing to compare with: psi is null and the status 'unknown'.
    """
    names = column_names(SCORE_SCHEMA)
    rows = []
    for name, (now, model, score) in scores.items():
        current = _scores(now, score)
        if current.empty:
            continue
        before = registry.approved(session, dbt.this.schema.removesuffix("_quality"), model)
        earlier = _scores(before, score) if before is not None and score in before.columns else current.head(0)
        found = drift.drift_table(drift.profile(earlier), current).iloc[0]
        rows.append(
            (
                name, score, found.psi, found.status, found.chance_psi,
                len(current), current[score].mean(), len(earlier), earlier[score].mean(),
            )
        )  # fmt: skip
    return to_spark(session, pd.DataFrame(rows, columns=names), SCORE_SCHEMA)


def _scores(frame: SparkDataFrame, score: str) -> pd.DataFrame:
    """The column ``score`` of some customers' rows, the same customers for every build."""
    return registry.sample(frame.select("customer_id", score), "customer_id", ROWS, ["customer_id", score])[[score]]
