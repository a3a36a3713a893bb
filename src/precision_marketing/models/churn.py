"""When a customer counts as lost, and when to contact them before that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from precision_marketing.models.inputs import require_columns, require_unique_customers

# Who is lost ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ChurnRule:
    """When a customer counts as lost.

    kind 'days': after ``days`` days without an order. 'intervals': after ``intervals`` times his own mean days between
    orders, at least ``minimum_days``; who has ordered on one day only is given the median of the others, or ``days`` if
    there are none. 'contract_end': on ``contract_end_date``, which a renewal moves; no date, no end.
    """

    kind: Literal["days", "intervals", "contract_end"] = "days"
    days: float = 90
    intervals: float = 3
    minimum_days: float = 14

    def __post_init__(self) -> None:
        if self.kind not in ("days", "intervals", "contract_end"):
            raise ValueError(f"rule must be days, intervals or contract_end, not {self.kind!r}")
        if not min(self.days, self.intervals, self.minimum_days) > 0:
            raise ValueError("days, intervals and minimum_days of a rule must be positive")


def churn_table(purchases: pd.DataFrame, as_of: Any, rule: ChurnRule | None = None) -> pd.DataFrame:
    """Durations and losses of customers, censored where nothing can be known yet.

    A customer is lost on the day of his last order once the rule's days without a further one have passed. Nobody's
    loss can be known within the last N days, so everybody else is censored at as_of - N - not at his last order or at
    as_of, which would count the days of silence before a loss as days of survival. A contract's end is known at once.

    purchases: one row per customer: customer_id, first_order_date, last_order_date, orders (all up to as_of); and
    contract_end_date for that rule. rule: ``ChurnRule()`` if None.
    Returns a row per customer, in their order: customer_id, duration_days (from the first order), is_churned,
    as_of_days (from the first order to as_of, where a forecast begins). duration_days is 0 if the first order is too
    recent to tell anything.
    Raises ValueError for absent columns, customers that are missing or come twice, missing dates, orders after as_of, a
    last order or contract's end before the first order.
    """
    rule = rule or ChurnRule()
    dated = ["first_order_date", "last_order_date"]
    ends = ["contract_end_date"] if rule.kind == "contract_end" else []
    require_columns(purchases, ["customer_id", *dated, "orders", *ends])
    require_unique_customers(purchases)
    as_of = pd.Timestamp(as_of).normalize()
    first, last = (pd.to_datetime(purchases[name]).dt.normalize() for name in dated)
    orders = pd.to_numeric(purchases["orders"]).to_numpy(float, na_value=np.nan)
    for name, wrong in {
        "first_order_date is missing": first.isna(),
        "last_order_date is missing": last.isna(),
        "last_order_date is before first_order_date": last < first,
        f"last_order_date is after {as_of.date()}": last > as_of,
        "orders is below 1": ~(orders >= 1),
    }.items():
        if np.any(wrong):
            raise ValueError(f"{name} in {int(np.sum(wrong))} rows")

    life, age = (last - first).dt.days.to_numpy(float), (as_of - first).dt.days.to_numpy(float)
    if rule.kind == "contract_end":
        end = (pd.to_datetime(purchases[ends[0]]).dt.normalize() - first).dt.days.to_numpy(float)
        if (end < 0).any():
            raise ValueError(f"contract_end_date is before first_order_date in {int((end < 0).sum())} rows")
        churned = end < age
        duration = np.where(churned, end, age)
    else:
        patience = np.full(len(purchases), float(rule.days))
        if rule.kind == "intervals" and len(purchases):
            interval = np.where((orders > 1) & (life > 0), life / np.maximum(orders - 1, 1), np.nan)
            usual = np.nanmedian(interval) if np.isfinite(interval).any() else rule.days / rule.intervals
            own = np.where(np.isnan(interval), usual, interval)
            patience = np.maximum(rule.intervals * own, rule.minimum_days)
        churned = age - life >= patience
        duration = np.where(churned, life, np.maximum(age - patience, 0))
    return pd.DataFrame(
        {
            "customer_id": purchases["customer_id"].to_numpy(),
            "duration_days": duration,
            "is_churned": churned,
            "as_of_days": age,
        }
    )


# When to get in touch --------------------------------------------------------------------------------------
