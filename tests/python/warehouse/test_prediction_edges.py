"""Each model with next to nothing to learn from, and with more than it has seen: defined results, no error.

The rows are those of the demo warehouse, cut down and changed; the models are those that the dbt models call.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pytest

import harness
from precision_marketing.models.training import Training
from precision_marketing.warehouse import (
    churn,
    churn_scores,
    classification,
    forecasting,
    lifetime_value,
    recommendations,
    registry,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CANDIDATES = ["constant", "logistic", "random_forest", "gradient_boosting"]
RECOMMENDERS = ["shrunk_cosine", "item_pearson", "ease"]
RULE = churn.rule("days", 90, 3)
FEATURES = {"click": classification.CLICK_FEATURES, "purchase": classification.PURCHASE_FEATURES}
CUSTOMERS = 150  # a hundred for training and scoring: enough for every model to have something, quick to fit


class Model(NamedTuple):
    """How one model is trained and used: the table it reads, and functions of its rows."""

    table: str
    train: Callable[[DataFrame], Training | None]
    score: Callable[[DataFrame, object], DataFrame | pd.DataFrame]


@pytest.fixture(scope="module")
def read(spark: SparkSession, demo, served: harness.Server) -> Callable[[str], DataFrame]:
    """A table of the demo's newest version, some customers of it, in this process's Spark."""

    def read(name: str) -> DataFrame:
        found = [table for _, table, _ in served.query("show tables in marketing_build")]
        version = max(table for table in found if table.startswith(f"{name}__v"))
        described = served.query(f"describe formatted marketing_build.{version}")
        location = next(value for key, value, _ in described if key.strip() == "Location")
        frame = spark.read.parquet(location)
        if "customer_id" not in frame.columns:
            return frame.cache()
        chosen = frame.select("customer_id").distinct().orderBy("customer_id").limit(CUSTOMERS)
        return frame.join(chosen, "customer_id").cache()

    return read


@pytest.fixture(scope="module")
def models(read: Callable[[str], DataFrame]) -> dict[str, Model]:
    products = read("dim_products").select("product_id", "category", "brand", "list_price")
    days = read("int_purchase_days")
    return {
        "click": Model(
            "int_click_features",
            lambda rows: classification.train_clicks(rows, CANDIDATES),
            classification.score_clicks,
        ),
        "purchase": Model(
            "int_customer_snapshots",
            lambda rows: classification.train_purchases(rows, CANDIDATES),
            classification.score_purchases,
        ),
        "gender": Model("int_customer_category_counts", classification.train_gender, classification.score_gender),
        "churn": Model(
            "int_customer_purchases",
            lambda rows: churn.train(rows, RULE),
            lambda rows, model: churn_scores.score(rows, model, 7),
        ),
        "value": Model(
            "int_customer_purchases",
            lambda rows: lifetime_value.train(rows, days, 90),
            lambda rows, model: lifetime_value.score_customers(rows, model, 0.1),
        ),
        "recommendation": Model(
            "int_customer_interactions",
            lambda rows: recommendations.train(rows, products, [], RECOMMENDERS),
            lambda rows, model: recommendations.score(rows.select("customer_id").distinct(), rows, model, 10),
        ),
        "demand": Model(
            "int_daily_demand",
            lambda rows: forecasting.train(rows, 28, []),
            lambda rows, model: forecasting.forecast(rows, model, []),
        ),
    }


def key_of(frame: DataFrame) -> str:
    return "customer_id" if "customer_id" in frame.columns else "series_id"


def one_key(frame: DataFrame) -> DataFrame:
    """All rows of one customer or series."""
    key = key_of(frame)
    first = frame.agg({key: "min"}).first()[0]
    return frame.where(f"{key} = '{first}'")


CUTS: dict[str, Callable[[DataFrame], DataFrame]] = {
    "no row": lambda frame: frame.where("false"),
    "one row": lambda frame: frame.orderBy(*[c for c, kind in frame.dtypes if kind in ("string", "date")]).limit(1),
    "one customer": one_key,
}


def checked(scored: DataFrame | pd.DataFrame) -> pd.DataFrame:
    """What was scored, in which every chance is one and every number is known."""
    frame = scored if isinstance(scored, pd.DataFrame) else scored.toPandas()
    for name in frame.columns:
        if name.endswith("probability") or name.startswith(("survival", "probability")):
            assert frame[name].between(0, 1).all(), name
        # A series that began after the training has no errors yet, and no interval.
        if pd.api.types.is_float_dtype(frame[name]) and name not in ("low", "high"):
            assert np.isfinite(frame[name]).all(), name
    return frame


def stored(training: Training | None) -> object | None:
    """The champion as a scoring model gets it: out of its signed artefact; None where there was nothing to learn."""
    rows = registry.run_rows("model", dt.date(2025, 6, 30), training)
    for row in rows:
        for _, _, value, low, high, baseline, _ in row[9]:
            assert all(number is None or np.isfinite(number) for number in (value, low, high, baseline))
    champions = [row for row in rows if row[3]]
    assert len(champions) == (0 if training is None else 1)
    if not champions:
        return None
    places = {name: place for place, name in enumerate(("model", "version", "algorithm", "is_champion", "as_of_date"))}
    row = {
        name: champions[0][place] for name, place in {**places, "made_by": -3, "artefact": -2, "signature": -1}.items()
    }
    return registry.load(row)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in harness.KEYS.items():
        monkeypatch.setenv(name, value)


NAMES = ("click", "purchase", "gender", "churn", "value", "recommendation", "demand")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cut", CUTS)
def test_little_to_learn_from(name: str, cut: str, models: dict[str, Model], read: Callable[[str], DataFrame]) -> None:
    """A model of one row or one customer scores everybody, levels that it never saw among them; or there is none."""
    model = models[name]
    whole = read(model.table)
    champion = stored(model.train(CUTS[cut](whole)))
    if cut == "no row":
        assert champion is None
    scored = checked(model.score(whole, champion))
    assert len(scored) > 0 if champion is not None else scored.empty
    assert checked(model.score(CUTS["no row"](whole), champion)).empty


@pytest.mark.parametrize("share", [0, 1])
@pytest.mark.parametrize(("name", "label"), [("click", "is_clicked"), ("purchase", "has_purchased")])
def test_nobody_and_everybody(
    name: str, label: str, share: int, models: dict[str, Model], read: Callable[[str], DataFrame]
) -> None:
    """Where all outcomes are the same, that is what is foreseen."""
    from pyspark.sql import functions as f

    model = models[name]
    whole = read(model.table)
    training = model.train(whole.withColumn(label, f.lit(share == 1)))
    scored = checked(model.score(whole, stored(training)))
    assert (scored.filter(like="probability").iloc[:, 0] - share).abs().max() < 0.05


@pytest.mark.parametrize("name", ["click", "purchase"])
def test_features_that_are_all_the_same(name: str, models: dict[str, Model], read: Callable[[str], DataFrame]) -> None:
    """Nothing to tell customers apart by: one chance for all, the mean."""
    from pyspark.sql import functions as f

    model = models[name]
    constant = whole = read(model.table)
    features, kinds = FEATURES[name], dict(whole.dtypes)
    for column in (*features.numeric, *features.categorical):
        constant = constant.withColumn(column, f.lit("1").cast(kinds[column]))
    scored = checked(model.score(constant, stored(model.train(constant))))
    assert scored.filter(like="probability").iloc[:, 0].nunique() == 1


@pytest.mark.parametrize("name", ["click", "purchase"])
def test_levels_and_gaps_that_training_never_saw(
    name: str, models: dict[str, Model], read: Callable[[str], DataFrame]
) -> None:
    from pyspark.sql import functions as f

    model = models[name]
    whole = read(model.table)
    champion = stored(model.train(whole))
    strange, kinds = whole, dict(whole.dtypes)
    for column in FEATURES[name].categorical:
        strange = strange.withColumn(column, f.lit("never seen").cast(kinds[column]))
    for column in FEATURES[name].numeric:
        strange = strange.withColumn(column, f.lit(None).cast(kinds[column]))
    assert len(checked(model.score(strange, champion))) == len(checked(model.score(whole, champion)))


def test_one_product(read: Callable[[str], DataFrame]) -> None:
    """Nobody is given what he has bought already; whoever only looked at it may be."""
    pairs, products = read("int_customer_interactions"), read("dim_products")
    (only,) = pairs.groupBy("product_id").count().orderBy("count", ascending=False).select("product_id").first()
    pairs = pairs.where(f"product_id = '{only}'")
    catalogue = products.where(f"product_id = '{only}'").select("product_id", "category", "brand", "list_price")
    recommender = stored(recommendations.train(pairs, catalogue, [], RECOMMENDERS))
    found = checked(recommendations.score(pairs.select("customer_id"), pairs, recommender, 10))
    bought = {row.customer_id for row in pairs.where("strength >= 2").collect()}
    assert bought and not bought & set(found["customer_id"])
    assert set(found["product_id"]) <= {only}
    assert recommendations.similarities(recommender, 10).empty
