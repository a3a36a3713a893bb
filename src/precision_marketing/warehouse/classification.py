"""Chances per customer: clicks on ads, purchases and gender. What the dbt Python models in models/ml call.

Training happens on the driver, from a bounded sample of all rows of some customers; scoring on the executors. The
models themselves are in `models.classification` and `models.gender`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from precision_marketing.models import drift
from precision_marketing.models.classification import Trained, stable_fraction, train_candidates
from precision_marketing.models.encoding import Features
from precision_marketing.models.evaluation import decile_table, evaluate, fairness_table, reliability_table
from precision_marketing.models.explanation import explain
from precision_marketing.models.gender import GenderModel
from precision_marketing.models.training import Candidate, Metric, Training
from precision_marketing.warehouse import registry

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

TRAINING_ROWS = 200_000
GENDER_FEATURES = 30
FAIRNESS_GROUPS = ("gender", "age_band", "city_tier")
CLICK_FEATURES = Features(
    numeric=(
        "age", "impressions_before", "clicks_before", "log_click_excess_before", "orders_before",
        "orders_90d_before", "orders_per_day_before", "visits_90d_before", "amount_before", "amount_per_item_before",
        "days_since_order", "days_since_first_order",
    ),
    categorical=("device_type", "ad_position", "channel", "gender", "city_tier"),
)  # fmt: skip
PURCHASE_FEATURES = Features(
    numeric=(
        "age", "registered_days", "recency_days", "tenure_days", "frequency", "monetary", "orders_30d", "orders_90d",
        "days_since_visit", "visits_7d", "visits_30d", "cart_visits_30d", "impressions_90d", "clicks_90d",
    ),
    categorical=("gender", "city_tier"),
)  # fmt: skip
CLICK_SCHEMA = (
    "customer_id string, campaign_id string, channel string, device_type string, ad_position string, "
    f"click_probability double, reasons {registry.REASON_SCHEMA}"
)
PURCHASE_SCHEMA = f"customer_id string, purchase_probability double, reasons {registry.REASON_SCHEMA}"
GENDER_SCHEMA = f"customer_id string, female_probability double, reasons {registry.REASON_SCHEMA}"


def _training(frame: pd.DataFrame, trained: Trained, features: Features, days: pd.Series) -> Training:
    """A ``Training`` of what ``train_candidates`` found in ``frame``; ``days``: the day of each row."""
    held = trained.test
    candidates = []
    for name, model in trained.candidates.items():
        tables = {}
        if len(held):
            tables = {
                "reliability": reliability_table(held["target"], held[name]),
                "deciles": decile_table(held["target"], held[name]),
                "fairness": fairness_table(
                    frame.loc[held.index].assign(target=held["target"], score=held[name]),
                    FAIRNESS_GROUPS,
                ),
            }
        if name == "logistic":
            tables["coefficients"] = trained.coefficients
        parameters: dict[str, Any] = {"C": trained.C} if name.startswith("logistic") else {}
        parameters |= {"features": [*features.numeric, *features.categorical], "rows": trained.rows}
        parameters |= {"skipped": trained.skipped} if trained.skipped else {}
        candidates.append(Candidate(name, model, trained.metrics[name], parameters, tables))
    return Training(
        candidates, trained.champion, len(frame), days.min(), days.max(),
        drift.profile(frame[[*features.numeric, *features.categorical]]),
    )  # fmt: skip


def train_clicks(features: SparkDataFrame, candidates: Sequence[str]) -> Training | None:
    """Learn from the impressions in `int_click_features`; None if there are none."""
    shown = features.where("not is_newest")
    frame = registry.sample(shown, "customer_id", TRAINING_ROWS, ["customer_id", "known_at", "impression_id"])
    if frame.empty:
        return None
    frame["is_clicked"] = frame["is_clicked"].astype(int)
    days = pd.to_datetime(frame["known_at"]).dt.date
    frame["known_on"] = pd.to_datetime(frame["known_at"]).dt.floor("D")
    trained = train_candidates(frame, "is_clicked", CLICK_FEATURES, "known_on", "customer_id", candidates)
    return _training(frame, trained, CLICK_FEATURES, days)


def train_purchases(snapshots: SparkDataFrame, candidates: Sequence[str]) -> Training | None:
    """Learn who bought within the horizon from `int_customer_snapshots`; None if there are no past snapshots."""
    past = snapshots.where("not is_newest")
    frame = registry.sample(past, "customer_id", TRAINING_ROWS, ["customer_id", "snapshot_date"])
    if frame.empty:
        return None
    frame["has_purchased"] = frame["has_purchased"].astype(int)
    trained = train_candidates(
        frame, "has_purchased", PURCHASE_FEATURES, "snapshot_date", "customer_id", candidates
    )  # fmt: skip
    return _training(frame, trained, PURCHASE_FEATURES, frame["snapshot_date"])


def reasons(model: Any, frame: pd.DataFrame) -> list[list[dict[str, Any]]]:
    """The three strongest reasons of each row, in the form of ``registry.REASON_SCHEMA``."""
    found = explain(model, frame.reset_index(drop=True))
    by_row: list[list[dict[str, Any]]] = [[] for _ in range(len(frame))]
    for row in found.itertuples(index=False):
        by_row[row.row].append({"feature": row.feature, "contribution": row.contribution, "reason": row.reason})
    return by_row


class Scorer:
    """Scores batches of rows: ``columns`` of them, the probability as ``name``, and the reasons.

    explain_best: give reasons for each customer's best row of a batch only, which is one of few, not of all.
    """

    def __init__(self, model: Any, name: str, columns: Sequence[str], explain_best: bool = False) -> None:
        self.model, self.name, self.columns, self.explain_best = model, name, list(columns), explain_best

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """frame: rows with the model's features and ``columns``. Returns columns, probability and reasons."""
        scored = frame[self.columns].reset_index(drop=True)
        frame = frame.reset_index(drop=True)
        for name in frame.select_dtypes(object).columns:
            frame[name] = frame[name].where(frame[name].notna(), None)
        probability = self.model.predict_proba(frame)
        positive = list(self.model.classes_).index("female" if "female" in self.model.classes_ else 1)
        scored[self.name] = probability[:, positive]
        explained = pd.Series(True, index=frame.index)
        if self.explain_best:
            best = scored.sort_values([self.name, *self.columns], ascending=[False] + [True] * len(self.columns))
            explained = ~best["customer_id"].duplicated().sort_index()
        found = iter(reasons(self.model, frame[explained.to_numpy()]))
        scored["reasons"] = [next(found) if wanted else [] for wanted in explained]
        return scored


def score_clicks(features: SparkDataFrame, model: Any) -> SparkDataFrame:
    """The places of `int_click_features` in which customers may be shown a campaign, with ``CLICK_SCHEMA``."""
    columns = ["customer_id", "campaign_id", "channel", "device_type", "ad_position"]
    newest = features.where("is_newest").repartition("customer_id") if model else features.where("false")
    return registry.score(newest, CLICK_SCHEMA, Scorer(model, "click_probability", columns, explain_best=True))


def score_purchases(snapshots: SparkDataFrame, model: Any) -> SparkDataFrame:
    """The newest snapshot of `int_customer_snapshots` with ``PURCHASE_SCHEMA``."""
    newest = snapshots.where("is_newest") if model else snapshots.where("false")
    return registry.score(newest, PURCHASE_SCHEMA, Scorer(model, "purchase_probability", ["customer_id"]))


# Gender --------------------------------------------------------------------------------------------


class CategoryShares:
    """Turns the counts per category of customers into shares (0 to 1), one column per category known at training."""

    def __init__(self, categories: Sequence[str]) -> None:
        self.categories = list(categories)
        self.columns = [f"share of {category}" for category in self.categories]

    def __call__(self, counts: pd.Series) -> pd.DataFrame:
        """counts: (n,) of lists of records with category and occurrences. Returns (n, categories)."""
        values = np.zeros((len(counts), len(self.categories)))
        places = {category: place for place, category in enumerate(self.categories)}
        for row, found in enumerate(counts):
            total = sum(record["occurrences"] for record in found)
            for record in found:
                if record["category"] in places and total:
                    values[row, places[record["category"]]] = record["occurrences"] / total
        return pd.DataFrame(values, columns=self.columns, index=counts.index)


class GenderScorer:
    """A ``GenderModel`` on counts per category."""

    def __init__(self, shares: CategoryShares, model: GenderModel) -> None:
        self.shares, self.model = shares, model

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """frame: customer_id and category_counts. Returns the columns of ``GENDER_SCHEMA``."""
        shares = self.shares(frame["category_counts"]).reset_index(drop=True)
        scored = frame[["customer_id"]].reset_index(drop=True)
        scored["female_probability"] = self.model.predict_proba(shares)[:, 0]
        scored["reasons"] = reasons(self.model, shares)
        return scored


def train_gender(counts: SparkDataFrame) -> Training | None:
    """Learn gender from `int_customer_category_counts`: the customers who gave it and consented to profiling.

    The figures are of a fifth of the customers that the judged model has not seen; the model that scores is fitted to
    all. None if nobody gave a gender.
    """
    known = counts.where("gender in ('female', 'male')")
    frame = registry.sample(known, "customer_id", TRAINING_ROWS, ["customer_id"])
    if frame.empty:
        return None
    totals: dict[str, float] = {}
    for record in itertools.chain.from_iterable(frame["category_counts"]):
        totals[record["category"]] = totals.get(record["category"], 0) + record["occurrences"]
    shares = CategoryShares(sorted(sorted(totals), key=lambda name: -totals[name])[:GENDER_FEATURES])
    table, gender = shares(frame["category_counts"]), frame["gender"].to_numpy(object)
    held = stable_fraction(frame["customer_id"].tolist(), "gender") < 0.2
    metrics: list[Metric] = []
    tables: dict[str, pd.DataFrame] = {}
    if held.any() and not held.all():
        judged = GenderModel(shares.columns).fit(table[~held], gender[~held])
        score, actual = judged.predict_proba(table[held])[:, 0], (gender[held] == "female").astype(int)
        rate = float((gender[~held] == "female").mean())
        metrics = evaluate(actual, score, rate)
        right = (score >= 0.5) == actual.astype(bool)
        width = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / len(right))
        naive = float(max(actual.mean(), 1 - actual.mean()))
        metrics.append(Metric("accuracy", right.mean(), right.mean() - width, right.mean() + width, naive, len(right)))
        tables["reliability"] = reliability_table(actual, score)
    model = GenderModel(shares.columns).fit(table, gender)
    candidate = Candidate(
        "logistic", GenderScorer(shares, model), metrics,
        {"C": model.C, "calibration": model.calibration_, "features": shares.columns}, tables,
    )  # fmt: skip
    return Training([candidate], "logistic", len(frame), profile=drift.profile(table))


def score_gender(counts: SparkDataFrame, scorer: GenderScorer | None) -> SparkDataFrame:
    """Customers of `int_customer_category_counts` with ``GENDER_SCHEMA``."""
    rows = counts.select("customer_id", "category_counts")
    return registry.score(rows if scorer else rows.where("false"), GENDER_SCHEMA, scorer or pd.DataFrame)
