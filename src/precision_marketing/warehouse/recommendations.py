"""Recommendations in the warehouse: what the dbt Python models in models/ml/recommendations call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from dbt.adapters.events.logging import AdapterLogger

from precision_marketing.models.ranking import BASELINE, choose_model, explicit_split
from precision_marketing.models.recommendations import (
    RECOMMENDATION_COLUMNS,
    RECOMMENDATION_SCHEMA,
    SIMILARITY_COLUMNS,
    ContentModel,
    ShrunkCosine,
    recommend,
)
from precision_marketing.models.training import Candidate, Training
from precision_marketing.warehouse import registry

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

log = AdapterLogger("Recommendations")  # dbt's own lines
TRAINING_ROWS = 1_000_000
FEWEST_CUSTOMERS = 100  # with fewer the best of the candidates is anybody's guess


@dataclass(frozen=True)
class Recommender:
    """The champion, the places it gives to what was left unbought, and what products are alike by what they are.

    ``content`` is None where popularity is the champion. EASE's weights say what is still needed, not what is alike; so
    ``neighbours`` are those of the shrunk cosine.
    """

    model: Any
    resume: int
    content: ContentModel | None
    neighbours: ShrunkCosine
    repeatable: frozenset[str]


def hold_out(history: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What was known before each customer's last day of purchases, and what was bought that day for the first time.

    history: rows of `int_customer_interactions`. Where fewer than ``FEWEST_CUSTOMERS`` bought something new after an
    earlier day, a random quarter of everybody's purchases is held out instead.
    """
    before = history[history["earlier_strength"].notna()]
    before = before.assign(strength=before["earlier_strength"], last_date=pd.to_datetime(before["earlier_date"]))
    held = history.loc[history["is_new_purchase"], ["customer_id", "product_id"]]
    held = held[held["customer_id"].isin(before["customer_id"])]
    if held["customer_id"].nunique() >= FEWEST_CUSTOMERS:
        return before, held
    bought = history[history["strength"] >= 2]
    _, held = explicit_split(bought)
    keys = ["customer_id", "product_id"]
    is_held = pd.MultiIndex.from_frame(history[keys]).isin(pd.MultiIndex.from_frame(held))
    return history[~is_held], held


def train(
    pairs: SparkDataFrame, products: SparkDataFrame, repeatable_categories: Sequence[str], candidates: Sequence[str]
) -> Training | None:
    """Learn from `int_customer_interactions`; None if there are none.

    products: product_id, category, brand, list_price; one row each. candidates: families of models, as
    ``ranking.families`` has them. They are judged on each customer's last day of purchases, foreseen from what was
    before (``hold_out``, ``choose_model``); the best one is fitted anew to everything.
    """
    frame = registry.sample(pairs, "customer_id", TRAINING_ROWS, ["customer_id", "product_id"])
    if frame.empty:
        return None
    frame["last_date"] = pd.to_datetime(frame["last_date"])
    newest = frame["last_date"].max()
    frame["age_days"] = (newest - frame["last_date"]).dt.days.astype(float)
    catalogue: pd.DataFrame = products.toPandas()
    catalogue = catalogue.sort_values("product_id", ignore_index=True)
    catalogue["list_price"] = catalogue["list_price"].astype(float)
    before, held = hold_out(frame)
    before = before.assign(age_days=(newest - before["last_date"]).dt.days.astype(float))
    choice = choose_model(before, held, candidates, full_history=frame, products=len(catalogue))
    left_out = getattr(choice.model, "left_out_", 0)
    if left_out:
        log.info(f"{choice.name} learns {len(choice.model.product_ids_) - left_out} products, those with the most "
                 f"interactions; {left_out} others are suggested by their content or popularity only.")  # fmt: skip
    recommender = Recommender(
        choice.model,
        choice.resume,
        None if choice.name == BASELINE else ContentModel(("category", "brand"), "list_price").fit(catalogue),
        ShrunkCosine().fit(frame),
        frozenset(catalogue.loc[catalogue["category"].isin(list(repeatable_categories)), "product_id"]),
    )
    fitted = [
        Candidate(
            name, recommender if name == choice.name else None, choice.metrics[name],
            {**trial.model.params(), "resume": trial.resume} | ({"left_out": left_out} if name == choice.name else {}),
        )
        for name, trial in choice.trials.items()
    ]  # fmt: skip
    return Training(fitted, choice.name, len(frame), frame["last_date"].min().date(), newest.date())


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
        resume = min(own.resume, self.count)
        found = recommend(history, own.model, self.count, content=own.content, resume=resume, repeatable=own.repeatable)
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
