"""Contracts with a due date: what is wrong with them, what was known of them on a day, and what tells who pays late.

The covariates of a contract are those of one day, on which it is open: its product, the log of its amount and of its
term, how many other contracts the customer has open, and their earlier share of late settlements, of contracts that
have come due by then. The share is shrunk to that of all customers with the weight that the spread over customers
supports (beta-binomial, maximum likelihood), and enters as log odds.

Source: Skellam, J. Royal Statistical Society B 10 (1948), the beta-binomial.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from precision_marketing.models.inputs import numbers, require_columns

COLUMNS = ("contract_id", "customer_id", "product", "started_at", "due_at", "settled_at", "amount")
COVARIATES = ("product", "log_amount", "log_term_days", "late_log_odds", "open_contracts")
MISSING = "missing"


# What is known -------------------------------------------------------------------------------------------------


def checked_contracts(contracts: pd.DataFrame) -> pd.DataFrame:
    """Contracts by day, and what is wrong with them.

    contracts: ``COLUMNS``, one row per contract; dates of any kind, settled_at missing while open. Returns a row per
    contract, in their order: contract_id, customer_id, product, amount; start, due, settled in days since 1970 (NaN if
    missing); problem, '' if there is none. A contract with a problem is never learned from.
    Raises ValueError for absent columns, and contract_id that are missing or come twice.
    """
    require_columns(contracts, COLUMNS, "contracts")
    for what, wrong in {
        "is missing": contracts["contract_id"].isna(),
        "comes twice": contracts["contract_id"].duplicated(),
    }.items():
        if wrong.any():
            raise ValueError(f"contract_id {what} in {int(wrong.sum())} rows")
    rows = contracts[["contract_id", "customer_id", "product"]].reset_index(drop=True)
    rows["product"] = rows["product"].astype(object).where(rows["product"].notna(), MISSING).astype(str)
    rows["amount"] = numbers(contracts["amount"])
    for name, column in {"start": "started_at", "due": "due_at", "settled": "settled_at"}.items():
        rows[name] = _days(contracts[column])
    problems = {
        "started_at is missing": rows["start"].isna(),
        "due_at is missing": rows["due"].isna(),
        "due_at is before started_at": rows["due"] < rows["start"],
        "settled_at is before started_at": rows["settled"] < rows["start"],
        "amount is negative or infinite": (rows["amount"] < 0) | np.isinf(rows["amount"]),
    }
    rows["problem"] = np.select(list(problems.values()), list(problems), "")
    return rows


def _days(dates: pd.Series) -> np.ndarray:
    since = pd.to_datetime(dates).dt.normalize() - pd.Timestamp("1970-01-01")
    return since.dt.days.to_numpy(float)


def day_of(as_of: Any) -> float:
    """Days since 1970. Raises ValueError for a missing day."""
    day = pd.Timestamp(as_of)
    if day is pd.NaT:
        raise ValueError("as_of is missing")
    return float((day.normalize() - pd.Timestamp("1970-01-01")).days)


def known_on(rows: pd.DataFrame, day: float) -> pd.DataFrame:
    """Of ``checked_contracts``, what was known at the end of a day: contracts begun by then, settlements until then."""
    begun = rows[~(rows["start"] > day)]
    return begun.assign(settled=begun["settled"].where(begun["settled"] <= day))


# Covariates ------------------------------------------------------------------------------------------------


def beta_weight(late: np.ndarray, count: np.ndarray) -> float:
    """How many contracts the overall share is worth against a group's own (n,): a beta-binomial's alpha + beta.

    Maximum likelihood, between 0.1 and 1,000 (no spread beyond chance). 1,000 without two groups, or both outcomes.
    """
    late, count = (np.asarray(values, float)[np.asarray(count) > 0] for values in (late, count))
    if len(count) < 2 or not 0 < late.sum() < count.sum():
        return 1e3
    share = late.sum() / count.sum()

    def loss(log_weight: float) -> float:
        return -float(
            stats.betabinom.logpmf(late, count, np.exp(log_weight) * share, np.exp(log_weight) * (1 - share)).sum()
        )

    return float(np.exp(optimize.minimize_scalar(loss, bounds=np.log([0.1, 1e3]), method="bounded").x))


class Past:
    """Counts of what customers had done by a day."""

    def __init__(self, rows: pd.DataFrame) -> None:
        usable = rows[rows["problem"] == ""]
        self.customers = pd.Index(usable["customer_id"].dropna().unique())
        self.first = float(usable["start"].min()) if len(usable) else 0.0
        last = usable[["due", "settled"]].max().max() if len(usable) else 0.0
        self.span = float(last) - self.first + 2
        late = ~(usable["settled"] <= usable["due"])
        self.due, self.late = self._keys(usable, "due"), self._keys(usable[late], "due")
        self.started, self.settled = self._keys(usable, "start"), self._keys(usable, "settled")

    def _keys(self, rows: pd.DataFrame, column: str) -> np.ndarray:
        rows = rows[rows["customer_id"].notna() & rows[column].notna()]
        return np.sort(
            self.customers.get_indexer(rows["customer_id"]) * self.span + rows[column].to_numpy() - self.first
        )

    def _until(self, keys: np.ndarray, code: np.ndarray, day: np.ndarray) -> np.ndarray:
        reach = code * self.span + np.clip(day - self.first, -0.5, self.span - 1)
        counts = np.searchsorted(keys, reach, side="right") - np.searchsorted(keys, code * self.span, side="left")
        return np.where(code >= 0, np.maximum(counts, 0), 0)

    def of(self, customer_id: pd.Series, day: np.ndarray) -> pd.DataFrame:
        """came_due, were_late, are_open (n,) of customers at the end of days; 0 for an unknown customer."""
        code = self.customers.get_indexer(customer_id)
        counts = {name: self._until(getattr(self, name), code, day) for name in ("due", "late", "started", "settled")}
        are_open = counts["started"] - counts["settled"]
        return pd.DataFrame({"came_due": counts["due"], "were_late": counts["late"], "are_open": are_open})


def covariates(rows: pd.DataFrame, day: np.ndarray, past: Past, prior: tuple[float, float]) -> pd.DataFrame:
    """``COVARIATES`` of contracts that are open on their days (n,), with the counts they rest on."""
    rate, weight = prior
    found = past.of(rows["customer_id"], day).set_index(rows.index)
    share = (found["were_late"] + weight * rate) / (found["came_due"] + weight)
    return found.assign(
        product=rows["product"],
        log_amount=np.log1p(rows["amount"]),
        log_term_days=np.log1p(rows["due"] - rows["start"]),
        late_log_odds=special.logit(np.clip(share, 1e-3, 1 - 1e-3)),
        open_contracts=np.log1p(np.maximum(found["are_open"] - 1, 0)),  # besides this one
    )
