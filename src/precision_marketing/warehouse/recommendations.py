"""Recommendations in the warehouse: what the dbt Python models in models/ml/recommendations call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from precision_marketing.models.ranking import evaluate
from precision_marketing.models.recommendations import (
    EASE,
    MAX_EASE_PRODUCTS,
    RECOMMENDATION_COLUMNS,
    RECOMMENDATION_SCHEMA,
    SIMILARITY_COLUMNS,
    ContentModel,
    ItemPearson,
    Popularity,
    ShrunkCosine,
    recommend,
)
from precision_marketing.models.training import Candidate, Metric, Training
from precision_marketing.warehouse import registry

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

TRAINING_ROWS = 1_000_000


@dataclass(frozen=True)
class Recommender:
    """The champion, what products are alike by what they are, and neighbours by who bought them.

    EASE's weights say what is still needed, not what is alike; so neighbours are those of the shrunk cosine.
    """

    model: Any
    content: ContentModel
    neighbours: ShrunkCosine
    repeatable: frozenset[str]


def hold_out_last_day(history: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The last day of purchases of customers who bought on two days or more, and everything before it.

    history: customer_id, product_id, strength, last_date. Of that day only what the customer had not had before is
    kept. A customer with one day of purchases keeps all rows and is not asked.
    """
    bought = history[history["strength"] >= 2]
    days = bought.groupby("customer_id")["last_date"].agg(["max", "nunique"])
    last = history["customer_id"].map(days["max"].where(days["nunique"] > 1))
    held = history["last_date"] >= last  # False where there is no such day
    return history[~held], history.loc[held & (history["strength"] >= 2), ["customer_id", "product_id"]]


def train(pairs: SparkDataFrame, products: SparkDataFrame, repeatable_categories: Sequence[str]) -> Training | None:
    """Learn from `int_customer_interactions`; None if there are none.

    products: product_id, category, brand, list_price; one row each. The candidates are judged on each customer's last
    day of purchases, foreseen from what was before; the best one is fitted anew to everything.
    """
    frame = registry.sample(pairs, "customer_id", TRAINING_ROWS, ["customer_id", "product_id"])
    if frame.empty:
        return None
    frame["last_date"] = pd.to_datetime(frame["last_date"])
    frame["age_days"] = (frame["last_date"].max() - frame["last_date"]).dt.days.astype(float)
    catalogue: pd.DataFrame = products.toPandas()
    catalogue = catalogue.sort_values("product_id", ignore_index=True)
    catalogue["list_price"] = catalogue["list_price"].astype(float)
    before, held = hold_out_last_day(frame)
    candidates: dict[str, Any] = {"shrunk_cosine": ShrunkCosine(), "item_pearson": ItemPearson()}
    if len(catalogue) <= MAX_EASE_PRODUCTS:
        candidates |= {"ease_200": EASE(200), "ease_200_90d": EASE(200, 90), "ease_1000_90d": EASE(1000, 90)}
    metrics: dict[str, list[Metric]] = dict.fromkeys(candidates, [])
    if len(held) and len(before):
        asked = before[before["customer_id"].isin(held["customer_id"])]
        popular = recommend(asked, Popularity().fit(before))
        for name, model in candidates.items():
            suggested = recommend(asked, model.fit(before))
            metrics[name] = evaluate(suggested, held, len(catalogue), baseline=popular)
    gains = {name: found[0].value if found else 0.0 for name, found in metrics.items()}
    champion = max(gains, key=gains.__getitem__)
    recommender = Recommender(
        candidates[champion].fit(frame),
        ContentModel(("category", "brand"), "list_price").fit(catalogue),
        ShrunkCosine().fit(frame),
        frozenset(catalogue.loc[catalogue["category"].isin(list(repeatable_categories)), "product_id"]),
    )
    fitted = [
        Candidate(name, recommender if name == champion else None, metrics[name], model.params())
        for name, model in candidates.items()
    ]
    days = frame["last_date"]
    return Training(fitted, champion, len(frame), days.min().date(), days.max().date())


class Scorer:
    """Suggestions for customers, given as one row each with the list of their interactions."""

    def __init__(self, recommender: Recommender, count: int) -> None:
        self.recommender, self.count = recommender, count

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """frame: customer_id and pairs (records of product_id, strength, age_days; null for nothing)."""
        rows = [
            (customer, pair["product_id"], pair["strength"], pair["age_days"])
            for customer, pairs in zip(frame["customer_id"], frame["pairs"], strict=True)
            for pair in ([{"product_id": None, "strength": 1, "age_days": 0}] if pairs is None else pairs)
        ]
        history = pd.DataFrame(rows, columns=["customer_id", "product_id", "strength", "age_days"])
        own = self.recommender
        found = recommend(history, own.model, self.count, content=own.content, repeatable=own.repeatable)
        return found[RECOMMENDATION_COLUMNS]


def score(
    customers: SparkDataFrame, pairs: SparkDataFrame, recommender: Recommender | None, count: int
) -> SparkDataFrame:
    """``count`` suggestions for every customer, also those without interactions, with ``RECOMMENDATION_SCHEMA``."""
    newest = pairs.selectExpr("max(last_date) as newest")
    pairs = pairs.crossJoin(newest).selectExpr(
        "customer_id",
        "struct(product_id, strength, cast(datediff(newest, last_date) as double) as age_days) as pair",
    )
    lists = pairs.groupBy("customer_id").agg({"pair": "collect_list"}).toDF("customer_id", "pairs")
    rows = customers.join(lists, "customer_id", "left").select("customer_id", "pairs")
    if recommender is None:
        return registry.score(rows.where("false"), RECOMMENDATION_SCHEMA, pd.DataFrame)
    return registry.score(rows, RECOMMENDATION_SCHEMA, Scorer(recommender, count))


def similarities(recommender: Recommender | None, count: int) -> pd.DataFrame:
    """The ``count`` nearest neighbours of each product, with ``SIMILARITY_SCHEMA``."""
    if recommender is None:
        return pd.DataFrame({name: [] for name in SIMILARITY_COLUMNS})
    found = recommender.neighbours.similarities()
    return found[found["rank"] <= count][SIMILARITY_COLUMNS]
