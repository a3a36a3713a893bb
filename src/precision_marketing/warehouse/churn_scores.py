"""Scores of churn, and when to contact whom: what `ml_churn_scores` calls. The mathematics is in `models.survival` and
`models.timing`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from precision_marketing.models.churn import ChurnRule
from precision_marketing.models.survival import ChurnModel
from precision_marketing.models.timing import best_contact_days, curve_of
from precision_marketing.warehouse import registry
from precision_marketing.warehouse.churn import lives

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

SCORE_SCHEMA = (
    "customer_id string, survival_30d double, survival_60d double, survival_90d double, "
    "expected_remaining_days double, hazard_ratio double, risk_band string, best_contact_date date, "
    "contact_basis string, contact_reason string, contact_gain double, contact_gain_low double, "
    "contact_gain_high double, contact_good_from date, contact_good_until date, "
    f"reasons {registry.REASON_SCHEMA}"
)
CONTACT_COLUMNS = {
    "best_contact_date": "best_contact_date", "contact_basis": "basis", "contact_reason": "reason",
    "contact_gain": "expected_gain", "contact_gain_low": "gain_low", "contact_gain_high": "gain_high",
    "contact_good_from": "good_from", "contact_good_until": "good_until",
}  # fmt: skip


def _losses(by_day: list[int]) -> Callable[[pd.DataFrame, np.ndarray], np.ndarray]:
    """How many losses the curve was learned from, by day since the entry (`models.timing.losses_behind`)."""
    counts = np.asarray(by_day, float)

    def losses(frame: pd.DataFrame, days: np.ndarray) -> np.ndarray:
        at = (frame["duration_days"].to_numpy(float)[:, None] + days).astype(int)
        return counts[np.minimum(at, len(counts) - 1)]

    return losses


class Scorer:
    """The risk of customers, given as rows of `int_customer_purchases`."""

    def __init__(self, state: dict[str, Any], days_before: int) -> None:
        self.state, self.days_before = state, days_before

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Returns the columns of ``SCORE_SCHEMA``."""
        model = ChurnModel.from_dict(self.state)
        frame = lives(frame, ChurnRule(**self.state["rule"]))
        scored = model.predict(frame)
        contact = best_contact_days(
            frame, curve_of(model), frame["as_of_date"].iloc[0], losses=_losses(self.state["losses_by_day"]),
            days_before=self.days_before,
        )  # fmt: skip
        for name, column in CONTACT_COLUMNS.items():
            values = contact[column]
            is_day = pd.api.types.is_datetime64_any_dtype(values)
            scored[name] = [None if pd.isna(day) else day.date() for day in values] if is_day else values.to_numpy()
        scored["reasons"] = _reasons(model, frame)
        return scored


def _reasons(model: ChurnModel, frame: pd.DataFrame) -> list[list[dict[str, Any]]]:
    """Why the risk of loss is as it is: the covariates that move the log hazard farthest, in words."""
    found = model.explain(frame)
    return [
        [
            {"feature": name, "contribution": float(amount), "reason": f"{name.replace('_', ' ')} is {row[name]}"}
            for place in (1, 2, 3)
            if (name := why[f"covariate_{place}"]) in row.index and (amount := why[f"contribution_{place}"]) != 0
        ]
        for (_, why), (_, row) in zip(found.iterrows(), frame.iterrows(), strict=True)
    ]


def score(purchases: SparkDataFrame, state: dict[str, Any] | None, days_before: int) -> SparkDataFrame:
    """Customers of `int_customer_purchases` with ``SCORE_SCHEMA``; none without a model."""
    if state is None:
        return registry.score(purchases.where("false"), SCORE_SCHEMA, pd.DataFrame)
    return registry.score(purchases, SCORE_SCHEMA, Scorer(state, days_before))
