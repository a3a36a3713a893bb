"""Uplift in the warehouse: what `ml_uplift_model` calls. The learners are in `models.uplift`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from precision_marketing.models import drift
from precision_marketing.models.encoding import Features
from precision_marketing.models.training import Candidate, Training
from precision_marketing.models.uplift import TrainedUplift, train_uplift
from precision_marketing.warehouse import registry

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

TRAINING_ROWS = 200_000
FEATURES = Features(
    ("age", "registered_days", "recency_days", "frequency", "monetary", "orders_90d", "visits_30d"),
    ("gender", "city_tier"),
)


def train(customers: SparkDataFrame) -> Training | None:
    """Learn from the rows of `int_uplift_customers` that were in an experiment; None where no experiment has two arms.

    An experiment that cannot be learned from is left out, and the candidates' parameters say why.

    A candidate's model is a dict of `UpliftModel` by experiment. The experiment with most customers names the champion,
    and its figures stand for the model; those of the others have the experiment as their segment.
    """
    rows = registry.sample(
        customers.where("experiment_id is not null"), "customer_id", TRAINING_ROWS, ["experiment_id", "customer_id"]
    )
    trained: dict[str, TrainedUplift] = {}
    left_out: dict[str, str] = {}
    for experiment, own in rows.groupby("experiment_id", sort=True):
        if own["is_treated"].nunique() == 2:
            own = own.assign(is_treated=own["is_treated"].astype(int), has_ordered=own["has_ordered"].astype(int))
            try:
                trained[str(experiment)] = train_uplift(own, "is_treated", "has_ordered", FEATURES, "customer_id")
            except (ValueError, ArithmeticError, RuntimeError) as error:
                left_out[str(experiment)] = str(error)
    if not trained:
        return None
    leading = max(trained, key=lambda name: trained[name].training.rows)
    others = {name: found for name, found in trained.items() if name != leading}
    figures = [metric._replace(segment=name) for name, found in others.items() for metric in (found.gain, found.effect)]
    made = []
    for candidate in trained[leading].training.candidates:
        models = {leading: candidate.model} | {name: found.model for name, found in others.items()}
        parameters = {**candidate.parameters, "experiments": sorted(trained), "verdict": trained[leading].verdict}
        parameters |= {"left_out": left_out} if left_out else {}
        own = list(candidate.metrics)
        if candidate.algorithm == trained[leading].training.champion and trained[leading].gain not in own:
            own.append(trained[leading].gain)  # of the average too: nothing was surely ahead of it
        made.append(Candidate(candidate.algorithm, models, [*own, *figures], parameters, candidate.tables))
    days = pd.to_datetime(rows["known_until"])
    features = [*FEATURES.numeric, *FEATURES.categorical]
    return Training(
        made, trained[leading].training.champion, len(rows), days.min().date(), days.max().date(),
        drift.profile(rows[features]),
    )  # fmt: skip
