"""Drift of the inputs of models: what is scored today against what was learned from, by population stability index."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from precision_marketing import customer_value, drift, registry, segmentation

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame
    from pyspark.sql import SparkSession

SCHEMA = "model_name string, version string, feature string, psi double, status string, chance_psi double"
ROWS = 50_000


def model_drift(
    session: SparkSession, runs: Mapping[str, SparkDataFrame], frames: Mapping[str, SparkDataFrame]
) -> SparkDataFrame:
    """One row per model and feature (``SCHEMA``); none for a model that was not trained or has nothing to score.

    runs: by model, its training model's rows; frames: by model, the rows that are scored now.
    """
    names = [column.split()[0] for column in SCHEMA.split(", ")]
    parts = [pd.DataFrame({name: [] for name in names})]
    for name, run in runs.items():
        champion = run.where("is_champion").select("version", "profile").first()
        if champion is None:
            continue
        current = registry.sample(frames[name], "customer_id", ROWS, ["customer_id"])
        if "average_repeat_amount" in current:
            current = customer_value.summary(current)
        if len(current):
            found = drift.drift_table(json.loads(champion.profile), current)
            parts.append(found.assign(model_name=name, version=champion.version)[names])
    return segmentation.to_spark(session, pd.concat(parts, ignore_index=True), SCHEMA)
