"""Offers in the warehouse: what the dbt Python models in models/ml/offers call. The mathematics is in `models.offers`,
`models.offer_prices` and `models.uplift`.

A customer's chance to buy without and with an offer is that of the experiment which measured the offer; where none did,
the chance of `purchase_propensity`, and with the offer the rise that seeds/offers.csv assumes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from precision_marketing.models.inputs import column_names
from precision_marketing.models.offer_prices import SAMPLE, plan
from precision_marketing.models.offers import (
    CELLS,
    TALLY_SCHEMA,
    Chunk,
    Offers,
    Prices,
    decide,
    make_prices,
    offer_profit,
    read_chunk,
    read_offers,
    tally,
)
from precision_marketing.models.uplift import UpliftModel
from precision_marketing.warehouse import registry
from precision_marketing.warehouse.frames import typed
from precision_marketing.warehouse.uplift import FEATURES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame

UNKNOWN = "what a purchase brings, or the chance of one, is not known"
CONSENTED = ("sms", "push", "email")  # channels that need the customer's consent
PLAN_SCHEMA = (
    "customers bigint, picks bigint, profit double, bound double, gap double, passes int, prices array<double>, "
    "typical double, dropped string, limits array<struct<limit:string,capacity:double,used:double,price:double>>"
)
OFFER_SCHEMA = (
    "customer_id string, campaign_id string, offer_type string, channel string, discount double, "
    "without_offer double, with_offer double, expected_profit double, profit_low double, profit_high double, "
    "cost double, reduced_profit double, basis string, reason string"
)


class Setting:
    """What executors need to value a chunk of customers: the offers of the day, their limits, and the uplift models.

    listed: rows of `int_offers`, one per offer that is made today; models: by experiment.
    """

    def __init__(
        self, listed: pd.DataFrame, models: Mapping[str, UpliftModel], horizon_days: float, valid_days: float
    ) -> None:
        listed = listed.sort_values("campaign_id", ignore_index=True)
        measured = listed["experiment_id"].isin(list(models))
        # Without a measurement or an assumption nobody can say what an offer brings.
        self.listed = listed[measured | listed["assumed_lift"].notna()].reset_index(drop=True)
        self.measured = self.listed["experiment_id"].isin(list(models)).to_numpy()
        self.models = {name: models[name] for name in self.listed.loc[self.measured, "experiment_id"].unique()}
        self.share_of_horizon = valid_days / horizon_days

    def offers(self, frequency_cap: int) -> Offers:
        """The limits: money per campaign, customers per offer, offers per customer."""
        ids = self.listed["campaign_id"].astype(str)
        budgets = pd.to_numeric(self.listed["budget"])
        rows = pd.DataFrame({"offer_id": ids, "campaign_id": ids, "stock": pd.to_numeric(self.listed["max_customers"])})
        limited = {name: amount for name, amount in zip(ids, budgets, strict=True) if pd.notna(amount)}
        return read_offers(rows, campaign_budgets=limited, frequency_cap=frequency_cap)

    def chances(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """Chances to buy of n customers (rows of `int_offer_customers`) without and with J offers, and the ends of the
        interval of the latter: arrays (n, J); the ends are NaN where the effect is assumed."""
        shape = (len(frame), len(self.listed))
        found = {name: np.full(shape, np.nan) for name in ("without_offer", "with_offer", "low", "high")}
        explained = {
            name: model.explain(frame[[*FEATURES.numeric, *FEATURES.categorical]])
            for name, model in self.models.items()
        }
        chance = 1 - (1 - frame["purchase_probability"].to_numpy(float)) ** self.share_of_horizon
        for column, offer in enumerate(self.listed.itertuples()):
            if self.measured[column]:
                own = explained[offer.experiment_id]
                without = np.clip(own["without_offer"].to_numpy(), 0, 1)
                ends = [np.clip(without + own[end].to_numpy(), 0, 1) for end in ("ci_low", "ci_high")]
                rise = own["with_offer"].to_numpy()
            else:
                without, rise = chance, np.minimum(chance * (1 + offer.assumed_lift), 1)
                ends = [np.full(len(frame), np.nan)] * 2
            for name, values in zip(found, (without, rise, *ends), strict=True):
                found[name][:, column] = values
        return found

    def chunk(self, frame: pd.DataFrame, offers: Offers) -> tuple[Chunk, dict[str, np.ndarray]]:
        """A chunk of customers as ``decide`` takes it, and the details that its reasons tell."""
        worth = frame["order_value"].to_numpy(float)[:, None]
        margin = worth * frame["gross_margin"].to_numpy(float)[:, None]
        discount = worth * self.listed["discount"].to_numpy(float)
        contact = self.listed["contact_cost"].fillna(0).to_numpy(float)
        chances = self.chances(frame)
        without = chances["without_offer"]
        profit, cost = offer_profit(without, chances["with_offer"], margin, discount, contact)
        ends = [offer_profit(without, chances[end], margin, discount, contact)[0] for end in ("low", "high")]
        allowed = (
            np.column_stack(
                [
                    frame[f"can_{channel}"].fillna(False).to_numpy(bool)
                    if channel in CONSENTED
                    else np.ones(len(frame), bool)
                    for channel in self.listed["channel"]
                ]
            )
            if len(self.listed)
            else np.ones((len(frame), 0), bool)
        )
        chunk = read_chunk(
            frame["customer_id"].to_numpy(), np.where(allowed, profit, np.nan), np.nan_to_num(cost), offers,
            np.minimum(frame["contacts_left"].to_numpy(float), offers.frequency_cap),
        )  # fmt: skip
        return chunk, {
            "without_offer": without, "with_offer": chances["with_offer"],
            "profit_low": ends[0], "profit_high": ends[1],
        }  # fmt: skip


def plan_offers(customers: SparkDataFrame, setting: Setting, frequency_cap: int) -> pd.DataFrame:
    """One row with ``PLAN_SCHEMA``: the prices of all limits, what the plan brings, and the bound; none without offers
    or customers. Customers (`int_offer_customers`) are passed over once or twice, on the executors."""
    columns = column_names(PLAN_SCHEMA)
    offers, count = setting.offers(frequency_cap), customers.count()
    if not (len(setting.listed) and count):
        return pd.DataFrame(columns=columns)

    def tally_at(prices: Prices) -> pd.DataFrame:
        def of_chunk(frame: pd.DataFrame) -> pd.DataFrame:
            return tally(setting.chunk(frame, offers)[0], offers, prices)

        cells = registry.score(customers, TALLY_SCHEMA, of_chunk)
        names = ["picks", "cost", "profit", "reduced", "bound"]
        merged: pd.DataFrame = cells.groupBy("offer", "cell").agg(dict.fromkeys(names, "sum")).toPandas()
        merged = merged.rename(columns={f"sum({name})": name for name in names})
        return merged.sort_values(["offer", "cell"], ignore_index=True)

    sample = registry.sample(customers, "customer_id", SAMPLE, ["customer_id"])
    found = plan(setting.chunk(sample, offers)[0], offers, count, tally_at)
    dropped = [[int(offer), int(cell)] for offer, cell in np.argwhere(found.dropped)]
    limits = [(row.limit, float(row.capacity), float(row.used), float(row.price)) for row in found.limits.itertuples()]
    values = [
        found.customers, found.picks, found.profit, found.bound, found.gap, found.passes,
        [float(price) for price in found.prices.values], float(found.prices.typical), json.dumps(dropped), limits,
    ]  # fmt: skip
    return pd.DataFrame([dict(zip(columns, values, strict=True))])


def choose_offers(
    customers: SparkDataFrame, setting: Setting, frequency_cap: int, planned: pd.DataFrame
) -> SparkDataFrame:
    """Customers with ``OFFER_SCHEMA``: a row per offer given, and one, with a reason, per customer without."""
    if planned.empty:
        return registry.score(customers.where("false"), OFFER_SCHEMA, pd.DataFrame)
    offers = setting.offers(frequency_cap)
    row: dict[str, Any] = planned.iloc[0].to_dict()
    prices = make_prices(np.asarray(row["prices"], float), float(row["typical"]), offers)
    dropped = np.zeros((len(offers.offer_ids), CELLS), dtype=bool)
    for offer, cell in json.loads(row["dropped"]):
        dropped[offer, cell] = True
    about = setting.listed.set_index("campaign_id")

    def decide_chunk(frame: pd.DataFrame) -> pd.DataFrame:
        chunk, details = setting.chunk(frame, offers)
        rows = decide(chunk, offers, prices, dropped, details)
        unknown = frame[["order_value", "gross_margin", "purchase_probability"]].isna().any(axis=1)
        is_unknown = rows["customer_id"].isin(frame.loc[unknown, "customer_id"]) & rows["campaign_id"].isna()
        rows["reason"] = rows["reason"].mask(is_unknown, UNKNOWN)
        for name in ("offer_type", "channel", "discount", "experiment_id"):
            rows[name] = rows["campaign_id"].map(about[name])
        measured = rows["experiment_id"].isin(list(setting.models))
        basis = ("measured by " + rows["experiment_id"].astype(str)).where(measured, "assumed")
        rows["basis"] = basis.where(rows["campaign_id"].notna(), None)
        return typed(rows, OFFER_SCHEMA)

    return registry.score(customers, OFFER_SCHEMA, decide_chunk)
