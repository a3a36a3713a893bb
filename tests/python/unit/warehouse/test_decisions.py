"""What stands between the mathematics of decisions and the warehouse: budgets, mixes, prices, offers, uplift."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from precision_marketing.models.offers import assign, make_prices
from precision_marketing.warehouse import budget, mix, offers, pricing, registry, uplift

CHANNELS = [
    "channel", "unit_cost", "return_per_unit", "return_low", "return_high", "lower_volume", "upper_volume",
    "minimum_contribution", "reason",
]  # fmt: skip
NO_CHANNELS = pd.DataFrame(columns=CHANNELS)
SETTINGS = {
    "money": None, "plan_weeks": 4, "history_weeks": 52, "periods": 1, "max_change": 0.5, "protection": 1.0,
}  # fmt: skip


class Frame:
    """A pandas frame where a Spark one is expected."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows

    def toPandas(self) -> pd.DataFrame:
        return self.rows.copy()

    def count(self) -> int:
        return len(self.rows)

    def where(self, condition: str) -> Frame:
        assert condition == "experiment_id is not null"
        return Frame(self.rows[self.rows["experiment_id"].notna()])


@pytest.fixture
def weeks() -> pd.DataFrame:
    """Forty weeks of two channels, of which one returns four times as much per impression."""
    rng = np.random.default_rng(0)
    rows = [
        (channel, week, shown, 0.05 * shown, float(rng.poisson(rate * shown)))
        for channel, rate in (("feed", 0.1), ("sms", 0.4))
        for week in pd.date_range("2024-01-01", periods=40, freq="7D")
        for shown in [int(rng.integers(200, 600))]
    ]
    return pd.DataFrame(rows, columns=["channel", "week_start_date", "impressions", "spend", "revenue"])


# Budgets ---------------------------------------------------------------------------------------------------


def test_channels_of_the_seed_give_the_best_plan_of_the_article() -> None:
    given = pd.DataFrame(
        [
            ("feed", 50, 3.2, None, None, 2_000, 10_000, None, ""),
            ("search", 80, 4.5, None, None, 1_500, 6_000, None, ""),
            ("short video", 30, 2.8, None, None, 3_000, 15_000, None, ""),
        ],
        columns=CHANNELS,
    )
    found = budget.allocation(pd.DataFrame(), given, **SETTINGS | {"money": 1_130_000.0})
    assert list(found.columns) == budget.COLUMNS
    assert found["volume"].round(6).tolist() == [10_000, 2_250, 15_000]
    assert found["expected_return"].sum() == pytest.approx(84_125)
    assert (found["basis"] == "seeds/budget_channels.csv").all()
    clashing = budget.allocation(pd.DataFrame(), given, **SETTINGS | {"money": 100.0})
    assert clashing["volume"].isna().all() and (clashing["status"] == "infeasible").all()
    assert clashing["reason"].str.contains("these cannot all hold: .*at most 100").all()
    with pytest.raises(ValueError, match="marketing_budget.*must be set"):
        budget.allocation(pd.DataFrame(), given, **SETTINGS)


def test_measured_channels_spend_what_they_spent_where_it_returns_more(weeks: pd.DataFrame) -> None:
    found = budget.allocation(weeks, NO_CHANNELS, **SETTINGS)
    nominal = found[found["plan"] == "nominal"].set_index("channel")
    before = weeks.groupby("channel")["spend"].sum() / 40 * 4
    assert nominal["spend"].sum() == pytest.approx(before.sum())
    assert nominal.loc["sms", "spend"] == pytest.approx(1.5 * before["sms"])
    assert (nominal["return_low"] < nominal["expected_return"]).all() and set(found["plan"]) == {"nominal", "robust"}
    assert nominal.loc["sms", "return_per_unit"] == pytest.approx(0.4, rel=0.05)
    twice = budget.allocation(weeks, NO_CHANNELS, **SETTINGS | {"periods": 2})
    assert set(twice["period"]) == {1, 2}


@pytest.mark.parametrize("rows", [slice(0, 0), slice(0, 1), slice(0, 40)])
def test_few_weeks_make_a_plan_or_none(weeks: pd.DataFrame, rows: slice) -> None:
    found = budget.allocation(weeks.iloc[rows], NO_CHANNELS, **SETTINGS)
    assert list(found.columns) == budget.COLUMNS
    assert set(found["channel"]) == set(weeks.iloc[rows]["channel"])
    if len(found) and rows.stop < budget.LEAST_WEEKS:
        assert found["return_low"].isna().all() and (found["verdict"] == "no interval").all()


def test_a_channel_that_costs_nothing_needs_no_budget(weeks: pd.DataFrame) -> None:
    free = weeks.assign(spend=np.where(weeks["channel"] == "feed", 0.0, weeks["spend"]))
    assert set(budget.allocation(free, NO_CHANNELS, **SETTINGS)["channel"]) == {"sms"}


# Channel mix -----------------------------------------------------------------------------------------------


def test_a_channel_not_used_in_a_segment_is_tried_there() -> None:
    days = pd.DataFrame(
        [("a", "sms", pd.Timestamp("2024-01-01"), 100, 5), ("b", "push", pd.Timestamp("2024-01-01"), 100, 5)],
        columns=["segment", "channel", "shown_date", "impressions", "clicks"],
    )
    found = mix.shares(Frame(days), None, 0.02)
    assert len(found) == 4 and (found["share"] > 0.02).all()
    assert np.allclose(found.groupby("segment")["share"].sum(), 1)
    assert mix.shares(Frame(days.head(0)), None, 0.02).empty


@pytest.fixture
def logged() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rows = pd.DataFrame({"customer_id": rng.integers(0, 2_000, 12_000).astype(str)})
    rows["impression_id"] = np.arange(len(rows)).astype(str)
    rows["segment"], rows["propensity"] = rng.choice(["a", "b"], len(rows)), 1 / 3
    rows["channel"] = rng.choice(["sms", "push", "email"], len(rows))
    rows["is_clicked"] = rng.random(len(rows)) < np.where(rows["channel"] == "sms", 0.08, 0.04)
    return rows


MIX = pd.DataFrame(
    [(segment, channel, share) for segment in "ab" for channel, share in (("sms", 0.9), ("push", 0.1), ("email", 0.0))],
    columns=["segment", "channel", "share"],
)


def test_a_mix_is_judged_before_it_is_tried(logged: pd.DataFrame) -> None:
    proposed = pd.DataFrame(
        [("all sms", s, "sms", 1.0) for s in "ab"] + [("half a mix", "a", "sms", 1.0), ("no sum", "a", "sms", 0.7)],
        columns=["proposal", "segment", "channel", "share"],
    )
    found = mix.evaluations(Frame(logged), MIX, proposed).set_index(["mix", "segment", "method"]).sort_index()
    for segment in ("a", "b", "all"):
        ours = found.loc[("channel_mix", segment, "doubly_robust")]
        assert ours["ci_low"] < 0.9 * 0.08 + 0.1 * 0.04 < ours["ci_high"] and ours["decision"] == "better"
    best = found.loc[("all sms", "all", "doubly_robust")]
    assert best["ci_low"] < 0.08 < best["ci_high"]
    assert found.loc[("as logged", "all", "logged"), "estimate"] == pytest.approx(logged["is_clicked"].mean())
    assert found.loc[("half a mix", "all", "ips"), "reason"].endswith("without b")
    assert "adds up to 0.7" in found.loc[("no sum", "a", "none"), "reason"]
    assert found.loc[("no sum", "all", "none"), "reason"] == "no segment can be judged"


NO_PROPOSAL = pd.DataFrame(columns=["proposal", "segment", "channel", "share"])


def test_a_segment_that_never_saw_a_channel_is_left_out_and_named(logged: pd.DataFrame) -> None:
    kept = logged[(logged["segment"] == "a") | (logged["channel"] != "sms")]
    found = mix.evaluations(Frame(kept), MIX, NO_PROPOSAL).set_index(["mix", "segment", "method"]).sort_index()
    assert "sms" in found.loc[("channel_mix", "b", "none"), "reason"]
    whole = found.loc[("channel_mix", "all", "snips")]
    assert whole["reason"].endswith("without b") and whole["impressions"] == (kept["segment"] == "a").sum()


def test_without_propensities_nothing_is_made_up(logged: pd.DataFrame) -> None:
    found = mix.evaluations(Frame(logged.head(0)), MIX, NO_PROPOSAL)
    assert set(found["method"]) == {"none"} and found["estimate"].isna().all() and len(found) == 6
    assert found["reason"].str.startswith("no propensities").all()
    assert mix.evaluations(Frame(logged.head(0)), MIX.head(0), NO_PROPOSAL).empty


# Prices ----------------------------------------------------------------------------------------------------


def test_products_without_sales_or_cost_have_a_row_and_no_price() -> None:
    weeks = pd.DataFrame(columns=["product_id", "category", "week_start_date", "price", "units", "stocked_share"])
    listed = pd.DataFrame({"product_id": ["p1", "p2"], "category": ["toys", None], "unit_cost": [1.0, None]})
    found = pricing.recommended(Frame(weeks), Frame(listed), 0.15, 0.05)
    assert found["product_id"].tolist() == ["p1", "p2"] and found["recommended_price"].isna().all()
    assert found["reason"].str.startswith("no recommendation").all()
    assert pricing.recommended(Frame(weeks), Frame(listed.head(0)), 0.15, 0.05).empty
    hours = pd.DataFrame(columns=["date", "hour", "orders"])
    assert pricing.quiet_hours(Frame(hours), Frame(weeks), 0.3, 0.3).empty
    busy = pd.DataFrame({"date": pd.to_datetime(["2024-01-01"]), "hour": [9], "orders": [3]})
    assert pricing.quiet_hours(Frame(busy), Frame(weeks), None, 0.3).empty


# Offers ----------------------------------------------------------------------------------------------------


LISTED = pd.DataFrame(
    [
        ("k1", "coupon", 0.1, "sms", 0.05, 100.0, None, None, 0.5),
        ("k2", "voucher", 0.2, "email", 0.02, None, 3, None, 0.5),
        ("k3", "gift", 0.0, "app", 0.0, None, None, "never measured", None),
    ],
    columns=["campaign_id", "offer_type", "discount", "channel", "contact_cost", "budget", "max_customers",
             "experiment_id", "assumed_lift"],
)  # fmt: skip


def customers(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"customer_id": [f"c{n}" for n in range(count)]})
    for name in uplift.FEATURES.numeric:
        frame[name] = rng.normal(size=count)
    for name in uplift.FEATURES.categorical:
        frame[name] = rng.choice(["x", "y"], count)
    frame["can_sms"], frame["can_push"], frame["can_email"] = rng.random((3, count)) < 0.7
    frame["purchase_probability"], frame["order_value"] = rng.random(count), rng.uniform(20, 200, count)
    frame["gross_margin"], frame["contacts_left"] = 0.5, rng.integers(0, 3, count).astype(float)
    return frame


def test_an_offer_that_nobody_measured_or_assumed_is_not_made() -> None:
    setting = offers.Setting(LISTED, {}, 30, 7)
    assert setting.listed["campaign_id"].tolist() == ["k1", "k2"]


def test_a_chunk_keeps_to_consent_cap_and_arithmetic() -> None:
    setting, frame = offers.Setting(LISTED, {}, 30, 7), customers(200)
    limits = setting.offers(1)
    assert limits.limits == ("budget of k1", "stock of k2")
    chunk, details = setting.chunk(frame, limits)
    assert (np.isnan(chunk.values[:, 0]) == ~frame["can_sms"]).all()
    assert (np.isnan(chunk.values[:, 1]) == ~frame["can_email"]).all()
    assert (chunk.caps == np.minimum(frame["contacts_left"], 1)).all()
    before = 1 - (1 - frame["purchase_probability"]) ** (7 / 30)
    after = np.minimum(before * 1.5, 1)
    value = after * frame["order_value"] * (0.5 - 0.1) - before * frame["order_value"] * 0.5 - 0.05
    allowed = frame["can_sms"].to_numpy()
    np.testing.assert_allclose(chunk.values[allowed, 0], value[allowed])
    np.testing.assert_allclose(details["with_offer"][:, 0], after)
    assert np.isnan(details["profit_low"]).all()
    picked = assign(chunk, limits, make_prices(np.zeros(2), 1.0, limits))
    assert (chunk.values[picked.row, picked.offer] > 0).all() and (chunk.caps[picked.row] > 0).all()


def test_without_a_margin_nothing_is_offered() -> None:
    setting, frame = offers.Setting(LISTED, {}, 30, 7), customers(5).assign(gross_margin=np.nan)
    assert np.isnan(setting.chunk(frame, setting.offers(1))[0].values).all()


# Uplift ----------------------------------------------------------------------------------------------------


def experiment(name: str, count: int, effect: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = customers(count)[["customer_id", *uplift.FEATURES.numeric, *uplift.FEATURES.categorical]]
    treated = rng.random(count) < 0.5
    bought = rng.random(count) < 0.2 + effect * treated * (frame["frequency"] > 0)
    return frame.assign(
        experiment_id=name, is_treated=treated, has_ordered=bought, known_until=pd.Timestamp("2024-05-01")
    )


def test_each_experiment_has_its_own_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "sample", lambda frame, *_: frame.toPandas())
    small, large = experiment("small", 600, 0.0, 1), experiment("large", 3_000, 0.4, 2)
    today = small.assign(experiment_id=None, is_treated=None, has_ordered=None)
    one_arm = experiment("one arm", 100, 0.0, 3).assign(is_treated=True)
    found = uplift.train(Frame(pd.concat([small, large, today, one_arm], ignore_index=True)))
    champion = next(one for one in found.candidates if one.algorithm == found.champion)
    assert set(champion.model) == {"small", "large"} and found.champion != "average"
    scored = champion.model["large"].predict(large)
    assert scored[large["frequency"] > 0.3].mean() > 0.25 > 0.1 > scored[large["frequency"] < -0.3].mean()
    gains = {metric.segment: metric.value for metric in champion.metrics if metric.metric == "qini_gain"}
    assert set(gains) == {"", "small"} and gains[""] > 0
    assert uplift.train(Frame(one_arm)) is None and uplift.train(Frame(today)) is None
