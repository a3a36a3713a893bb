"""Overdue warning: planted contracts, what was known when, and what is asked at the edges."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from decision_parts.timing import AS_OF, simulate_contracts, true_overdue_probability
from precision_marketing.models.contracts import COLUMNS, Past, beta_weight, checked_contracts, known_on
from precision_marketing.models.evaluation import delong
from precision_marketing.models.overdue import SCORE_COLUMNS, OverdueModel, calibration_slope

EARLIER = AS_OF - pd.Timedelta(days=60)


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    return simulate_contracts(3_000, seed=1)


@pytest.fixture(scope="module")
def model(simulated) -> OverdueModel:
    """Learned 60 days ago, so that what came after is known."""
    return OverdueModel().fit(simulated[list(COLUMNS)], EARLIER)


@pytest.fixture(scope="module")
def scored(simulated, model) -> pd.DataFrame:
    """Contracts that came due in the next 30 days, with chances, outcome and truth."""
    table = model.predict(simulated[list(COLUMNS)], EARLIER)
    table = table.merge(simulated.drop(columns=["customer_id", "due_at"]), on="contract_id")
    return table[table["days_to_due"].between(1, 30)].assign(
        y=lambda frame: frame["true_settled_at"] > frame["due_at"],
        truth=lambda frame: true_overdue_probability(frame, EARLIER),
    )


def figure(model: OverdueModel, name: str):
    return next(metric for metric in model.metrics_ if metric.metric == name)


def contract(contract_id="k", start="2025-06-01", due="2025-07-10", settled=None, **more) -> dict:
    row = {"contract_id": contract_id, "customer_id": "c", "product": "loan", "started_at": start, "due_at": due}
    return row | {"settled_at": settled, "amount": 100.0} | more


def contracts(*rows: dict) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(COLUMNS))


# Planted -------------------------------------------------------------------------------------------------


def test_the_replay_is_surely_ahead_of_the_products_rate_and_calibrated(model) -> None:
    assert model.champion_ == "cox"
    assert figure(model, "roc_auc").ci_low > 0.65
    assert figure(model, "log_loss_gain").ci_low > 0
    assert figure(model, "brier").value < 0.93 * figure(model, "brier").baseline
    slope = figure(model, "calibration_slope")
    assert slope.ci_low < 1 < slope.ci_high and slope.value == pytest.approx(1, abs=0.3)


def test_chances_are_near_the_planted_ones_and_rank_nearly_as_well(scored) -> None:
    chance = scored["overdue_probability_30d"]
    assert np.corrcoef(chance, scored["truth"])[0, 1] > 0.8
    assert chance.mean() == pytest.approx(scored["truth"].mean(), abs=0.05)
    # Against the truth, which is less noisy than outcomes: the squared error of the product's rate is twice ours.
    naive = scored.groupby("product")["truth"].transform("mean")
    assert ((chance - scored["truth"]) ** 2).mean() < 0.5 * ((naive - scored["truth"]) ** 2).mean()
    auc, _ = delong(scored["y"].to_numpy(), scored[["overdue_probability_30d", "truth"]].to_numpy())
    assert auc[0] > auc[1] - 0.08


def test_intervals_hold_the_planted_chance_of_the_average_contract_of_a_band(scored) -> None:
    assert (scored["probability_low"] < scored["probability_high"]).all()
    for _, band in scored.groupby("risk_band"):
        if len(band) >= 20:
            assert band["probability_low"].mean() < band["truth"].mean() < band["probability_high"].mean()


def test_planted_drivers_have_their_signs(model) -> None:
    ratios = model.drivers().set_index(["covariate", "level"])["hazard_ratio"]
    reference = model.drivers().query("covariate == 'product'")["reference"].iloc[0]
    order = [name for name in ("instalment", "lease", "loan", "invoice") if name != reference]
    assert ratios["product"][order].is_monotonic_increasing
    assert ratios["log_amount", ""] < 1 and ratios["late_log_odds", ""] < 0.9


def test_reasons_name_what_moves_the_risk(scored) -> None:
    assert scored["reason"].str.match(r"due in \d+ days; .+ (raises|lowers) the risk").all()
    assert scored["reason"].str.contains("earlier contracts late").any()
    assert scored["reason"].str.contains("product instalment raises").any()


def test_days_late_grow_with_the_risk_and_from_what_is_late_already(simulated, model, scored) -> None:
    assert scored[["overdue_probability_30d", "expected_days_late"]].corr(method="spearman").iloc[0, 1] > 0.9
    table = model.predict(simulated[list(COLUMNS)], EARLIER).query("days_to_due < 0")
    assert (table["expected_days_late"] >= -table["days_to_due"]).all()
    old = table[table["days_to_due"] <= -90]
    assert (old["expected_days_late"] == -old["days_to_due"]).all()


# What was known ------------------------------------------------------------------------------------------


def test_the_future_changes_nothing() -> None:
    """Settlements and contracts after the day are altered: the model and its chances are the same."""
    raw = simulate_contracts(800, seed=3)[list(COLUMNS)]
    model = OverdueModel().fit(raw, EARLIER)
    assert model.champion_ == "cox" or model.metrics_
    later = raw["settled_at"] > EARLIER
    altered = raw.assign(settled_at=raw["settled_at"].mask(later))
    altered = altered[altered["started_at"] <= EARLIER]
    again = OverdueModel().fit(altered, EARLIER)
    assert json.dumps(again.to_dict(), sort_keys=True) == json.dumps(model.to_dict(), sort_keys=True)
    pd.testing.assert_frame_equal(again.predict(altered, EARLIER), model.predict(raw, EARLIER))


def test_the_order_of_rows_changes_no_chance(simulated, model) -> None:
    shuffled = simulated[list(COLUMNS)].sample(frac=1, random_state=2)
    found = model.predict(shuffled, EARLIER).sort_values("contract_id", ignore_index=True)
    pd.testing.assert_frame_equal(found, model.predict(simulated[list(COLUMNS)], EARLIER))


@pytest.mark.parametrize("seed", range(4))
def test_counts_of_the_past_are_those_of_a_loop(seed) -> None:
    rng = np.random.default_rng(seed)
    n, origin = 60, pd.Timestamp("2025-01-01")
    start = rng.integers(0, 100, n)
    due = start + rng.integers(0, 40, n)
    settled = np.where(rng.random(n) < 0.7, start + rng.integers(0, 60, n), np.nan)
    frame = pd.DataFrame(
        {
            "contract_id": range(n), "customer_id": rng.choice(["a", "b", None], n), "product": "p", "amount": 1.0,
            "started_at": origin + pd.to_timedelta(start, unit="D"), "due_at": origin + pd.to_timedelta(due, unit="D"),
            "settled_at": origin + pd.to_timedelta(settled, unit="D"),
        }
    )  # fmt: skip
    rows = checked_contracts(frame)
    asked = pd.Series(rng.choice(["a", "b", "new"], 40))
    day = rng.integers(-20, 180, 40)
    offset = (origin - pd.Timestamp("1970-01-01")).days
    found = Past(rows).of(asked, day + offset)
    for place, (name, on) in enumerate(zip(asked, day, strict=True)):
        own = (frame["customer_id"] == name).to_numpy()
        came_due = own & (due <= on)
        late = came_due & ~(settled <= due)
        is_open = own & (start <= on) & ~(settled <= on)
        assert found.iloc[place].tolist() == [came_due.sum(), late.sum(), is_open.sum()]


# By definition -------------------------------------------------------------------------------------------


def test_what_is_overdue_due_today_or_later_is_known(model) -> None:
    day = pd.Timestamp("2025-06-30")
    found = model.predict(
        contracts(
            contract("overdue", due="2025-06-20"),
            contract("today", due="2025-06-30"),
            contract("tomorrow", due="2025-07-01"),
            contract("last", due="2025-07-30"),
            contract("later", due="2025-07-31"),
            contract("settled", due="2025-07-10", settled="2025-06-30"),
            contract("future", start="2025-07-01", due="2025-07-20"),
        ),
        day,
    ).set_index("contract_id")
    assert found.index.tolist() == ["overdue", "today", "tomorrow", "last", "later"]
    assert found["overdue_probability_30d"][["overdue", "today", "later"]].tolist() == [1, 1, 0]
    assert found["reason"][["overdue", "today"]].tolist() == [
        "overdue since 10 days", "due today and not settled: overdue from tomorrow on",
    ]  # fmt: skip
    assert found["method"].tolist() == ["known", "known", "cox", "cox", "cox"]
    assert found["risk_band"][["overdue", "today", "later"]].tolist() == ["high", "high", "low"]
    # Less time to settle, more risk; due later, judged as if 30 days before.
    assert found["overdue_probability"]["tomorrow"] > found["overdue_probability"]["last"] > 0
    assert found["overdue_probability"]["later"] == pytest.approx(found["overdue_probability"]["last"], rel=0.02)
    assert found["days_to_due"].tolist() == [-10, 0, 1, 30, 31]


def test_a_contract_with_a_problem_has_no_chance_and_says_why(model, simulated) -> None:
    bad = contracts(
        contract("due", due=None),
        contract("start", start=None),
        contract("before", due="2025-05-01"),
        contract("amount", amount=-1.0),
        contract("infinite", amount=np.inf),
        contract("settled", settled="2025-05-01"),
    )
    found = model.predict(bad, "2025-06-30").set_index("contract_id")
    assert found["overdue_probability_30d"].isna().all() and found["risk_band"].isna().all()
    assert found["reason"].tolist() == [
        "due_at is missing", "started_at is missing", "due_at is before started_at", "amount is negative or infinite",
        "amount is negative or infinite",
    ]  # fmt: skip
    mixed = pd.concat([simulated.loc[:30, list(COLUMNS)], bad])
    assert OverdueModel().fit(mixed, EARLIER + pd.Timedelta(days=60)).left_out_ == {
        "due_at is missing": 1, "started_at is missing": 1, "due_at is before started_at": 1,
        "settled_at is before started_at": 1, "amount is negative or infinite": 2,
    }  # fmt: skip


def test_missing_customers_products_and_amounts_are_scored(model) -> None:
    blank = contracts(contract("blank", customer_id=None, product=None, amount=None), contract("whole"))
    found = model.predict(blank, "2025-06-30")
    assert found["overdue_probability_30d"].between(0, 1).all() and len(found) == 2


# Little data ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", [contracts(), contracts(contract(due="2025-08-01"))])
def test_nothing_to_learn_from_says_so(frame) -> None:
    model = OverdueModel().fit(frame, "2025-06-30")
    found = model.predict(contracts(contract()), "2025-06-30")
    assert model.champion_ == "none"
    assert found["overdue_probability_30d"].isna().all()
    assert found["reason"].tolist() == ["no contract has come due yet: nothing to learn from"]
    assert list(model.predict(contracts(), "2025-06-30")) == list(SCORE_COLUMNS)


def test_few_contracts_are_given_the_products_rate(simulated) -> None:
    few = simulated.loc[:40, list(COLUMNS)]
    model = OverdueModel().fit(few, AS_OF)
    assert model.champion_ == "product rate"
    found = model.predict(contracts(contract(), contract("new", product="unheard of")), AS_OF)
    assert found["overdue_probability_30d"].tolist() == [model.rates_["loan"], model.rate_]
    assert found["reason"][0].endswith("share of late settlements of product loan")


@pytest.mark.parametrize("amount", [5.0, None])
def test_one_product_one_amount_and_nobody_late(amount) -> None:
    start = pd.date_range("2024-01-01", periods=300)
    frame = pd.DataFrame(
        {
            "contract_id": range(300), "customer_id": range(300), "product": "p", "amount": amount, "started_at": start,
            "due_at": start + pd.Timedelta(days=60), "settled_at": start + pd.Timedelta(days=40),
        }
    )  # fmt: skip
    model = OverdueModel().fit(frame, "2024-11-15")
    found = model.predict(frame, "2024-11-15")
    assert len(found) == 20 and (found["overdue_probability"] < 0.05).all()


def test_the_state_is_json_and_gives_the_same_scores(simulated, model) -> None:
    again = OverdueModel.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    frame = simulated[list(COLUMNS)]
    pd.testing.assert_frame_equal(again.predict(frame, EARLIER), model.predict(frame, EARLIER))
    assert again.metrics_ == model.metrics_


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="due_at"), "absent: due_at"),
        (lambda frame: pd.concat([frame, frame]), "contract_id comes twice"),
        (lambda frame: frame.assign(contract_id=None), "contract_id is missing"),
    ],
)
def test_unusable_input_is_refused_by_name(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        OverdueModel().fit(change(contracts(contract())), AS_OF)


def test_unusable_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="as_of"):
        OverdueModel().fit(contracts(contract()), None)
    with pytest.raises(ValueError, match="band_limits"):
        OverdueModel(band_limits=(0.5, 0.2))


# Figures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stretch", [0.5, 1.0, 2.0])
def test_the_calibration_slope_undoes_a_stretch_of_the_log_odds(stretch) -> None:
    rng = np.random.default_rng(6)
    logits = rng.normal(-1, 1.2, 4_000)
    y = rng.random(4_000) < 1 / (1 + np.exp(-logits))
    slope = calibration_slope(y, 1 / (1 + np.exp(-stretch * logits)))
    assert slope.ci_low < 1 / stretch < slope.ci_high
    assert slope.value == pytest.approx(1 / stretch, rel=0.1)
    assert np.isnan(calibration_slope(np.ones(5), np.full(5, 0.5)).value)


def test_the_weight_of_the_overall_share_is_that_of_the_spread() -> None:
    rng = np.random.default_rng(7)
    count = rng.integers(1, 12, 3_000)
    assert beta_weight(rng.binomial(count, rng.beta(0.2 * 6, 0.8 * 6, 3_000)), count) == pytest.approx(6, rel=0.2)
    assert beta_weight(rng.binomial(count, 0.2), count) > 100
    assert beta_weight(np.array([]), np.array([])) == beta_weight(np.array([0]), np.array([3])) == 1e3


def test_known_on_hides_what_came_later() -> None:
    rows = checked_contracts(
        contracts(contract("a", settled="2025-06-30"), contract("b", settled="2025-07-01"), contract("c", "2025-07-01"))
    )
    known = known_on(rows, (pd.Timestamp("2025-06-30") - pd.Timestamp("1970-01-01")).days)
    assert known["contract_id"].tolist() == ["a", "b"] and known["settled"].isna().tolist() == [False, True]
