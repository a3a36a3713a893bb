"""Trained models kept until they are due, and scores that moved, as the Python models of dbt see them."""

from __future__ import annotations

import datetime as dt
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

import harness
from precision_marketing.models.training import Candidate, Training
from precision_marketing.warehouse import monitoring, registry

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in harness.KEYS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("changed", "is_kept"),
    [
        ({}, True),
        ({"days_later": 29}, True),
        ({"days_later": 30}, False),
        ({"days_later": -1}, False),
        ({"retrain_after_days": 0}, False),
        ({"settings": {"candidates": ["constant", "logistic"]}}, False),
        ({"libraries": ("numpy",)}, False),
        ({"key": "another key, which did not sign it"}, False),
    ],
)
def test_a_model_is_kept_until_it_is_due(
    changed: dict, is_kept: bool, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    dbt = SimpleNamespace(this=SimpleNamespace(identifier="ml_click_model", schema="m_build"))
    first = dt.date(2024, 6, 1)

    def train(day: dt.date, model: str, retrain_after_days: int = 30, settings: dict | None = None) -> list:
        as_of = spark.createDataFrame([(day,)], "as_of_date date")
        training = Training([Candidate("constant", model)], "constant", 5)
        settings = settings or {"candidates": ["constant"]}
        return registry.train(dbt, spark, as_of, partial(lambda: training), retrain_after_days, settings).collect()

    monkeypatch.setattr(registry, "approved", lambda *_: None)
    before = spark.createDataFrame([tuple(row) for row in train(first, "old")], registry.RUN_SCHEMA)
    monkeypatch.setattr(
        registry, "approved", lambda _, schema, name: before if (schema, name) == ("m", "ml_click_model") else None
    )
    if "libraries" in changed:
        monkeypatch.setattr(registry, "LIBRARIES", changed["libraries"])
    if "key" in changed:
        monkeypatch.setenv("MARKETING_HASH_KEY", changed["key"])
    options = {name: value for name, value in changed.items() if name in ("retrain_after_days", "settings")}
    (row,) = train(first + dt.timedelta(changed.get("days_later", 1)), "new", **options)
    assert registry.load(row.asDict()) == ("old" if is_kept else "new")
    assert (row.as_of_date == first) == is_kept


def test_scores_that_moved_are_seen(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    now = spark.range(1000).selectExpr("cast(id as string) as customer_id", "id / 1000 as score")
    before = {"same": now, "moved": now.selectExpr("customer_id", "score / 2 as score"), "new": None, "none": now}
    monkeypatch.setattr(registry, "approved", lambda session, schema, name: before[name] if schema == "m" else None)
    found = monitoring.score_drift(
        SimpleNamespace(this=SimpleNamespace(schema="m_quality")),
        spark,
        {name: (now.where("false") if name == "none" else now, name, "score") for name in before},
    ).toPandas()
    assert found[["model_name", "status", "rows", "rows_before"]].values.tolist() == [
        ["same", "stable", 1000, 1000],
        ["moved", "shifted", 1000, 1000],
        ["new", "unknown", 1000, 0],
    ]
    assert found["psi"].tolist()[0] == 0 and np.isnan(found["psi"].tolist()[2])
    assert found["mean_before"].tolist()[:2] == pytest.approx([0.4995, 0.24975])
