"""What decides about customers on the executors: offers, overdue contracts, answers to contacts."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from precision_marketing.warehouse import contacts, offers, overdue, uplift
from precision_marketing.warehouse.frames import to_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

AS_OF = dt.date(2025, 6, 30)
LISTED = pd.DataFrame(
    [
        ("k1", "coupon", 0.1, "sms", 0.05, 150.0, None, None, 0.6),
        ("k2", "voucher", 0.1, "email", 0.02, None, 40, None, 0.9),
        ("k3", "gift", 0.02, "app", 0.0, None, None, None, 0.2),
    ],
    columns=["campaign_id", "offer_type", "discount", "channel", "contact_cost", "budget", "max_customers",
             "experiment_id", "assumed_lift"],
)  # fmt: skip


def customers(spark: SparkSession, count: int, **changes: object) -> DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"customer_id": [f"c{n:04}" for n in range(count)]})
    for name in uplift.FEATURES.numeric:
        frame[name] = rng.uniform(0, 9, count)
    for name in uplift.FEATURES.categorical:
        frame[name] = rng.choice(["x", "y"], count)
    frame["can_sms"], frame["can_push"], frame["can_email"] = rng.random((3, count)) < 0.7
    frame["purchase_probability"], frame["order_value"] = rng.random(count), rng.uniform(20, 200, count)
    frame["gross_margin"], frame["contacts_left"] = 0.5, rng.integers(0, 4, count).astype(float)
    return spark.createDataFrame(frame.assign(**changes)).repartition(3)


def decided(spark: SparkSession, frame: DataFrame, listed: pd.DataFrame = LISTED, cap: int = 1) -> tuple:
    """The plan and the decisions, the plan by way of a table as dbt keeps it."""
    setting = offers.Setting(listed, {}, 30, 7)
    plan = to_spark(spark, offers.plan_offers(frame, setting, cap), offers.PLAN_SCHEMA).toPandas()
    return plan, offers.choose_offers(frame, setting, cap, plan).toPandas()


def test_offers_keep_every_limit_and_come_near_the_bound(spark: SparkSession) -> None:
    frame = customers(spark, 600)
    plan, found = decided(spark, frame)
    given = found[found["campaign_id"].notna()]
    assert len(given) == plan["picks"][0] and given["expected_profit"].sum() == pytest.approx(plan["profit"][0])
    assert given.groupby("campaign_id")["cost"].sum()["k1"] <= 150 * (1 + 1e-9)
    assert given.groupby("campaign_id").size()["k2"] <= 40
    assert 0 <= plan["bound"][0] - plan["profit"][0] <= 0.02 * plan["bound"][0]
    consent = frame.toPandas().set_index("customer_id").loc[given["customer_id"]].reset_index()
    assert consent.loc[(given["channel"] == "sms").to_numpy(), "can_sms"].all()
    assert consent.loc[(given["channel"] == "email").to_numpy(), "can_email"].all()
    assert (consent["contacts_left"] > 0).all() and given["customer_id"].is_unique
    assert sorted(found["customer_id"].unique()) == [f"c{n:04}" for n in range(600)]
    without = found[found["campaign_id"].isna()]
    assert without["reason"].notna().all() and without["basis"].isna().all()


def test_the_same_offers_whatever_the_partitions(spark: SparkSession) -> None:
    frame = customers(spark, 300)
    once, again = (decided(spark, part)[1].sort_values(["customer_id"]) for part in (frame, frame.coalesce(1)))
    pd.testing.assert_frame_equal(once.reset_index(drop=True), again.reset_index(drop=True))


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"can_sms": False, "can_push": False, "can_email": False}, "no consent"),
        ({"purchase_probability": 0.0}, "no offer pays"),
        ({"contacts_left": 0.0}, "frequency cap reached"),
        ({"gross_margin": float("nan")}, "what a purchase brings, or the chance of one, is not known"),
    ],
)
def test_nobody_gets_an_offer_and_each_is_told_why(spark: SparkSession, changes: dict, reason: str) -> None:
    listed = LISTED[LISTED["channel"] != "app"]
    plan, found = decided(spark, customers(spark, 20, **changes), listed)
    assert plan["picks"][0] == 0 and found["campaign_id"].isna().all() and len(found) == 20
    others = ["no consent"] if "gross_margin" not in changes else []  # of those who allow no channel
    assert (found["reason"].str.startswith(reason) | found["reason"].isin(others)).all()
    assert found["reason"].str.startswith(reason).any()


@pytest.mark.parametrize("count", [0, 1])
def test_no_customer_and_one(spark: SparkSession, count: int) -> None:
    frame = customers(spark, 1, contacts_left=1.0).limit(count)
    plan, found = decided(spark, frame)
    assert len(plan) == count and len(found) == count
    plan, found = decided(spark, frame, LISTED.head(0))
    assert plan.empty and found.empty


# Overdue contracts -----------------------------------------------------------------------------------------


def contracts(spark: SparkSession, count: int) -> DataFrame:
    """Contracts of sixty days, half of whose customers settle on the day before, half a week late."""
    rng = np.random.default_rng(1)
    customer = rng.integers(0, count // 3 + 1, count)
    started = [AS_OF - dt.timedelta(days=int(days)) for days in rng.integers(1, 500, count)]
    due = [day + dt.timedelta(days=60) for day in started]
    settled = [d + dt.timedelta(days=7 if c % 2 else -1) for d, c in zip(due, customer, strict=True)]
    rows = pd.DataFrame(
        {
            "contract_id": [f"k{n}" for n in range(count)], "customer_id": [f"c{n}" for n in customer],
            "product": "plan", "started_on": started, "due_on": due,
            "settled_on": [day if day <= AS_OF else None for day in settled], "amount": 100.0, "as_of_date": AS_OF,
        }
    )  # fmt: skip
    schema = (
        "contract_id string, customer_id string, product string, started_on date, due_on date, settled_on date, "
        "amount double, as_of_date date"
    )
    return to_spark(spark, rows, schema).repartition(2)


def test_who_was_late_is_foretold_to_be_late(spark: SparkSession) -> None:
    frame = contracts(spark, 900)
    trained = overdue.train(frame)
    state = next(one.model for one in trained.candidates if one.algorithm == trained.champion)
    assert trained.champion == "cox"
    found = overdue.score(frame, state).toPandas()
    open_ones = frame.where("settled_on is null").toPandas()
    assert sorted(found["contract_id"]) == sorted(open_ones["contract_id"])
    soon = found[found["days_to_due"].between(2, 30)]
    is_late = soon["customer_id"].str[1:].astype(int) % 2 == 1
    assert soon.loc[is_late, "overdue_probability"].min() > soon.loc[~is_late, "overdue_probability"].median()
    assert (found.loc[found["days_to_due"] < 0, "overdue_probability_30d"] == 1).all()
    assert (found.loc[found["days_to_due"] > 30, "overdue_probability_30d"] == 0).all()


@pytest.mark.parametrize("count", [0, 1, 4])
def test_few_contracts(spark: SparkSession, count: int) -> None:
    frame = contracts(spark, 10).orderBy("contract_id").limit(count)
    trained = overdue.train(frame)
    state = next((one.model for one in trained.candidates), None) if trained else None
    found = overdue.score(frame, state).toPandas()
    assert found.empty if state is None else found["overdue_probability_30d"].between(0, 1).all()


# Answers to contacts ---------------------------------------------------------------------------------------


ANSWERS = "customer_id string, channel string, hour int, shown bigint, clicked bigint"


def test_a_customer_is_asked_where_they_answer(spark: SparkSession) -> None:
    rows = [(f"c{n}", channel, 9 + n % 3, 20, 1) for n in range(60) for channel in ("sms", "email")]
    rows += [("keen", "email", 20, 40, 30), ("keen", "sms", 9, 40, 0), ("new", "sms", None, 0, 0)]
    found = contacts.answers(spark.createDataFrame(rows, ANSWERS)).toPandas().set_index("customer_id")
    assert len(found) == 62 and (found.loc["keen", "channel"], found.loc["keen", "hour"]) == ("email", 20)
    assert found.loc["keen", "basis"] == "own answers" and found.loc["new", "basis"] == "all customers"
    assert found.loc["new", "channel"] == "sms"


@pytest.mark.parametrize("rows", [[], [("c1", "sms", None, 0, 0)], [("c1", "sms", 9, 5, 0)]])
def test_hardly_any_message(spark: SparkSession, rows: list) -> None:
    found = contacts.answers(spark.createDataFrame(rows, ANSWERS)).toPandas()
    assert found["customer_id"].tolist() == [row[0] for row in rows] and found["reason"].notna().all()
