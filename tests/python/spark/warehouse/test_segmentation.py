"""The Python models of segments on Spark, on customers with a known truth."""

from __future__ import annotations

import datetime as dt
import importlib.util
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import harness
from planted_segments import STRATEGIES, buyers, plant
from precision_marketing.models import segmentation as sg
from precision_marketing.warehouse.segmentation import buyer_sample


@pytest.fixture(scope="module")
def planted():
    return plant()


class FakeDbt:
    """What a Python model sees of dbt: ref and config.get."""

    def __init__(self, tables, config):
        self.tables, self.settings, self.config = tables, config, self

    def ref(self, name):
        return self.tables[name]

    def get(self, name):
        return self.settings.get(name)


def run_models(spark, frame, segment_count="None", partitions=3):
    """The four models in the order of their references, as frames by name."""
    schema = (
        "customer_id string, as_of_date date, recency_days int, frequency bigint, monetary decimal(18,2), "
        "clv_12m_simple double"
    )
    day = dt.date(2024, 1, 1)
    rows = [
        (
            r.customer_id,
            day,
            int(r.recency_days),
            int(r.frequency),
            Decimal(f"{r.monetary:.2f}"),
            float(r.clv),
        )
        for r in frame.itertuples()
    ]
    rfm = spark.createDataFrame(rows, schema).repartition(partitions)
    strategies = spark.createDataFrame(STRATEGIES.values.tolist(), list(STRATEGIES))
    tables = {"customer_rfm": rfm, "segment_strategies": strategies, "gate_customer": None}  # waited for, not read
    dbt = FakeDbt(tables, {"segment_count": segment_count})
    for name in (
        "ml_segment_selection",
        "ml_segment_centroids",
        "ml_customer_segments",
        "ml_segment_validation",
    ):
        spec = importlib.util.spec_from_file_location(name, harness.ROOT / "models" / "ml" / "segments" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        tables[name] = module.model(dbt, spark).cache()
    return tables


def test_models_find_the_planted_segments(spark, planted):
    prospects = buyers([(400, 0, 0, 0)] * 60).assign(customer_id=[f"p{i}" for i in range(60)])
    frame = pd.concat([planted, prospects], ignore_index=True)
    tables = run_models(spark, frame)

    scored = tables["ml_customer_segments"].toPandas().set_index("customer_id").loc[frame["customer_id"]]
    expected = sg.KMeansSegmenter(5, STRATEGIES).fit(frame)
    assert (scored["segment_id"].to_numpy() == expected.predict(frame)).all()
    assert scored["distance"].to_numpy(float) == pytest.approx(expected.distance(frame), abs=1e-9, nan_ok=True)
    assert tables["ml_customer_segments"].where("segment_id = 0 and distance is null").count() == 60
    assert set(scored["as_of_date"]) == {dt.date(2024, 1, 1)}

    selection = tables["ml_segment_selection"].toPandas().set_index("k")
    assert selection["chosen"].to_dict() == {k: k == 5 for k in range(1, 11)}
    assert tables["ml_segment_selection"].where("silhouette is null").count() == 1
    assert tables["ml_segment_centroids"].where("recency_days is null and log_mean is null").count() == 1

    validation = tables["ml_segment_validation"].toPandas().set_index("metric")
    assert set(validation.index) == set(sg.FEATURES)
    truth = frame.assign(segment=expected.predict(frame)).query("segment > 0")
    for metric, row in validation.iterrows():
        groups = [group[metric] for _, group in truth.groupby("segment")]
        f_value, _ = stats.f_oneway(*groups)
        assert row["f_value"] == pytest.approx(f_value, rel=1e-6)
        assert row["significant"]
        assert (row["segments"], row["customers"]) == (5, len(planted))


def test_models_do_not_depend_on_partitions(spark, planted):
    frame = planted.head(400)
    first, second = run_models(spark, frame), run_models(spark, frame.iloc[::-1], partitions=7)
    for name, key in (
        ("ml_segment_selection", "k"),
        ("ml_segment_centroids", "segment_id"),
        ("ml_customer_segments", "customer_id"),
        ("ml_segment_validation", "metric"),
    ):
        frames = [tables[name].orderBy(key).toPandas() for tables in (first, second)]
        pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_models_with_a_fixed_segment_count(spark, planted):
    tables = run_models(spark, planted.head(300), segment_count=3)
    assert tables["ml_segment_centroids"].count() == 4
    assert tables["ml_customer_segments"].select("segment_id").distinct().count() == 3


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        ([], (0, 1, 0, 0)),
        ([(400, 0, 0, 0)], (0, 1, 1, 0)),
        ([(5, 1, 10, 40)], (1, 2, 1, 4)),
    ],
)
def test_models_with_nobody_or_one(spark, rows, counts):
    tables = run_models(spark, buyers(rows))
    names = ("ml_segment_selection", "ml_segment_centroids", "ml_customer_segments", "ml_segment_validation")
    schemas = (sg.SELECTION_SCHEMA, sg.CENTROID_SCHEMA, sg.CUSTOMER_SCHEMA, sg.VALIDATION_SCHEMA)
    assert tuple(tables[name].count() for name in names) == counts
    for name, schema in zip(names, schemas, strict=True):
        assert tables[name].schema.simpleString() == spark.createDataFrame([], schema).schema.simpleString()
    assert tables["ml_segment_validation"].where("significant or f_value is not null").count() == 0


def test_sample_is_bounded_and_keeps_its_members(spark):
    def rfm(first, last):
        day = dt.date(2024, 1, 1)
        rows = [(f"c{i}", day, 1, 1 if i % 10 else 0, 5.0, 5.0) for i in range(first, last)]
        schema = (
            "customer_id string, as_of_date date, recency_days int, frequency int, monetary double, "
            "clv_12m_simple double"
        )
        return spark.createDataFrame(rows, schema)

    before = set(buyer_sample(rfm(0, 1000), rows=200)["customer_id"])
    after = set(buyer_sample(rfm(20, 1020), rows=200)["customer_id"])
    assert len(before) == len(after) == 200
    assert not before & {f"c{i}" for i in range(0, 1000, 10)}
    assert len(before & after) >= 180
    # From everywhere, not the oldest ids.
    assert 400 < np.mean([int(name[1:]) for name in before]) < 600
