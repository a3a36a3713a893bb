"""Every fit on data that hold nothing, one thing only, or numbers of all sizes: a result, or the documented error.

What trains goes through ``registry._bendable``, which makes a reason of a documented error; here nothing else may come.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import harness
from precision_marketing.models import elasticities, forecasting, lifetime_value, response
from precision_marketing.models.bandits import channel_mix
from precision_marketing.models.classification import train_candidates
from precision_marketing.models.encoding import Features
from precision_marketing.models.gender import GenderModel
from precision_marketing.models.imputation import NearestRowsImputer
from precision_marketing.models.odds_ratios import odds_ratios
from precision_marketing.models.off_peak import off_peak
from precision_marketing.models.overdue import OverdueModel
from precision_marketing.models.pricing import recommend_prices
from precision_marketing.models.ranking import choose_model
from precision_marketing.models.segmentation import KMeansSegmenter, select_k
from precision_marketing.models.survival import ChurnModel, curves
from precision_marketing.models.timing import fit_answers
from precision_marketing.models.uplift import train_uplift

N = 40
DOCUMENTED = (ValueError, ArithmeticError, RuntimeError)


def columns(kind: str) -> pd.DataFrame:
    """Rows with customer, y (two classes), t (two arms), a, b, c numbers, d text; one thing is wrong with them."""
    rng = np.random.default_rng(1)
    n = {"no rows": 0, "one row": 1}.get(kind, N)
    frame = pd.DataFrame({
        "customer_id": [f"c{number}" for number in range(n)], "y": np.arange(n) % 2, "t": np.arange(n) // 2 % 2,
        "a": rng.normal(size=n), "b": rng.normal(size=n), "c": rng.exponential(size=n),
        "d": rng.choice(["u", "v"], n), "day": pd.date_range("2024-01-01", periods=n),
    })  # fmt: skip
    if kind == "one class":
        frame["y"] = 1
    if kind == "constant":
        frame[["a", "b", "c"]] = 3.0
        frame["d"] = "u"
    if kind == "duplicated":
        frame["b"] = frame["c"] = frame["a"]
    if kind == "null":
        frame[["a", "b", "c"]] = np.nan
        frame["d"] = None
    if kind == "huge":
        frame["a"] = 10 ** rng.uniform(-6, 6, n)
        frame["b"], frame["c"] = frame["a"] * 1e6, frame["a"].rank() * 1e12
    if kind == "infinite":
        frame.loc[0, "a"] = np.inf
    if kind == "separated":
        frame["a"] = frame["b"] = frame["y"] * 1e3
    if kind == "one customer":
        frame["customer_id"] = "c0"
    return frame


KINDS = (
    "usual", "no rows", "one row", "one class", "constant", "duplicated", "null", "huge", "infinite", "separated",
    "one customer",
)  # fmt: skip
FEATURES = Features(("a", "b", "c"), ("d",))


def classify(frame: pd.DataFrame) -> np.ndarray:
    trained = train_candidates(
        frame, "y", FEATURES, "day", "customer_id", ("constant", "logistic", "gradient_boosting")
    )
    return trained.model.predict_proba(frame)


def odds(frame: pd.DataFrame) -> np.ndarray:
    table = odds_ratios(frame, frame["y"].to_numpy(), FEATURES)
    assert list(table)[:2] == ["feature", "level"]
    return np.empty(0)


def uplift(frame: pd.DataFrame) -> np.ndarray:
    return train_uplift(frame, "t", "y", FEATURES, "customer_id").model.predict(frame)


def churn(frame: pd.DataFrame) -> np.ndarray:
    lives = frame.assign(duration_days=1 + np.arange(len(frame)) % 7, is_churned=frame["y"] == 1)
    model = ChurnModel(folds=2).fit(lives, ["a", "b", "c", "d"])
    curves(lives, "d")
    scored = model.predict(lives)
    return scored.drop(columns=["customer_id", "risk_band"]).to_numpy(float)


def value(frame: pd.DataFrame) -> np.ndarray:
    x = frame["y"].to_numpy(float) * 2
    bought = frame.assign(
        frequency=x, recency_days=np.where(x > 0, 5.0, 0.0), age_days=20.0, average_order_value=frame["a"].abs()
    )
    models = lifetime_value.fit_summary(bought)
    return lifetime_value.score(bought, models)[["expected_purchases_90d", "expected_order_value"]].to_numpy()


def gender(frame: pd.DataFrame) -> np.ndarray:
    named = np.where(frame["y"] == 1, "female", "male")
    return GenderModel(["a", "b", "c"]).fit(frame, named).predict_proba(frame)


def prices(frame: pd.DataFrame) -> np.ndarray:
    """Eight products by five weeks."""
    n = len(frame)
    sales = pd.DataFrame({
        "product_id": np.arange(n) % 8, "category": frame["d"], "week": np.arange(n) // 8,
        "price": frame["a"].abs(), "units": frame["y"], "stocked_share": None,
    })  # fmt: skip
    sales["category"] = sales["product_id"].map(sales.groupby("product_id")["category"].first()).fillna("none")
    learned = elasticities.fit_elasticities(sales)
    found = recommend_prices(learned, learned.products[["product_id"]].assign(unit_cost=0.1))
    assert (found["reason"] != "").all()
    return found.loc[found["recommended_price"].notna(), "expected_profit_change"].to_numpy(float)


def contracts(frame: pd.DataFrame) -> np.ndarray:
    begun = frame["day"]
    settled = begun + pd.to_timedelta(15 + 10 * frame["y"], "D")
    rows = pd.DataFrame({
        "contract_id": [f"k{number}" for number in range(len(frame))], "customer_id": frame["customer_id"],
        "product": frame["d"], "started_at": begun, "due_at": begun + pd.Timedelta(days=20),
        "settled_at": settled.where(begun < "2024-02-01"), "amount": frame["c"],
    })  # fmt: skip
    model = OverdueModel().fit(rows, "2024-02-20")
    scored = model.predict(rows, "2024-02-20")
    assert scored["reason"].notna().all()
    return scored.loc[~scored["method"].isin(["none"]), "overdue_probability"].to_numpy(float)


def money(frame: pd.DataFrame) -> np.ndarray:
    weeks = pd.DataFrame(
        {"week": np.arange(len(frame)), "channel": "x", "spend": frame["c"].abs(), "revenue": frame["a"]}
    )
    table = response.response_table(response.fit_response(weeks))
    assert (table["reason"] != "").all()
    return np.empty(0)


def demand(frame: pd.DataFrame) -> np.ndarray:
    series = frame.assign(series_id="s", date=frame["day"], value=frame["c"])[["series_id", "date", "value"]]
    found = forecasting.forecast(series, 7)
    return found.loc[found["method"] != "none", "forecast"].to_numpy(float)


def segments(frame: pd.DataFrame) -> np.ndarray:
    rows = frame.assign(recency_days=frame["c"], frequency=1.0 + frame["y"], monetary=frame["a"], clv=frame["b"])
    select_k(rows)
    strategies = pd.read_csv(harness.ROOT / "seeds" / "segment_strategies.csv")
    KMeansSegmenter(2, strategies).fit(rows)
    return np.empty(0)


def ranks(frame: pd.DataFrame) -> np.ndarray:
    history = frame.assign(product_id=frame["d"], strength=2.0, age_days=frame["c"])
    history = history.drop_duplicates(["customer_id", "product_id"])
    return choose_model(
        history, history.iloc[::2], ["shrunk_cosine", "ease"], full_history=history, products=2
    ) and np.empty(0)


def mix(frame: pd.DataFrame) -> np.ndarray:
    days = frame.assign(segment="s", channel=frame["d"], impressions=10.0, clicks=frame["y"])
    return channel_mix(days)["share"].to_numpy(float)


def hours(frame: pd.DataFrame) -> np.ndarray:
    rows = off_peak(frame.assign(date=frame["day"], hour=9, orders=frame["c"]), -1.5, 0.4)
    assert (rows["reason"] != "").all()
    return rows["orders"].to_numpy(float)


def answers(frame: pd.DataFrame) -> np.ndarray:
    fit_answers(frame.assign(channel="sms", hour=np.arange(len(frame)) % 24, shown=5.0, clicked=frame["y"]))
    return np.empty(0)


def missing(frame: pd.DataFrame) -> np.ndarray:
    known = frame[frame["y"] == 1]
    return (
        NearestRowsImputer("a", ["b", "c"], ["d"]).fit(known).predict(frame)
        if known["a"].notna().any()
        else np.empty(0)
    )


FITS: tuple[Callable[[pd.DataFrame], np.ndarray], ...] = (
    classify, odds, uplift, churn, value, gender, prices, contracts, money, demand, segments, ranks, mix, hours,
    answers, missing,
)  # fmt: skip


@pytest.mark.parametrize("fit", FITS, ids=lambda fit: fit.__name__)
def test_a_fit_gives_a_result_or_a_documented_error(fit: Callable[[pd.DataFrame], np.ndarray]) -> None:
    results, refused = 0, {}
    for kind in KINDS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = fit(columns(kind))
            except DOCUMENTED as error:
                refused[kind] = repr(error)
                continue
        assert np.isfinite(found).all(), kind
        results += 1
    print(fit.__name__, refused)
    assert "usual" not in refused and results >= 4, refused
