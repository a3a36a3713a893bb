"""Off-policy evaluation: by hand, how often intervals cover, on two real logs of each other, and when it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.tree import DecisionTreeRegressor

import harness
from decision_parts import mix
from precision_marketing.models import off_policy
from precision_marketing.models.off_policy import evaluate_policy

SHARED = Path(os.environ.get("MARKETING_SHARED_DATA", harness.ROOT.parent / "shared" / "data"))
WORLD = mix.planted_world(4, rate=0.4)
LOG = mix.planted_log(WORLD, 1000, 1)
POLICY = mix.as_policy(WORLD.proposal)
FAST = Ridge(10.0)


def test_estimates_by_hand() -> None:
    log = pd.DataFrame({"context": "a", "action": ["x", "x", "y", "y"], "reward": [1.0, 0, 3, 1],
                        "propensity": [0.5, 0.5, 0.5, 0.5]})  # fmt: skip
    policy = pd.DataFrame({"context": "a", "action": ["x", "y"], "probability": [0.2, 0.8]})
    found = evaluate_policy(log, policy, outcome_model=DummyRegressor(strategy="constant", constant=1.0))
    found = found.set_index("method")
    # Weights 0.4, 0.4, 1.6, 1.6.
    assert found.loc["ips", "value"] == pytest.approx((0.4 + 4.8 + 1.6) / 4)
    assert found.loc["snips", "value"] == pytest.approx((0.4 + 4.8 + 1.6) / 4)
    assert found.loc["doubly_robust", "value"] == pytest.approx(1 + (-0.4 + 3.2) / 4)
    assert found.loc["ips", "effective_sample_size"] == pytest.approx(4**2 / (2 * 0.16 + 2 * 2.56))
    assert found.loc["ips", "logged_value"] == 1.25 and found.loc["ips", "gain"] == pytest.approx(0.45)
    terms = np.array([0.4, 0, 4.8, 1.6])
    assert found.loc["ips", "standard_error"] == pytest.approx(stats.sem(terms))


def test_the_log_s_own_policy_has_the_log_s_value() -> None:
    """Where the proposal is the log's policy, weights are 1 and nothing is gained."""
    found = evaluate_policy(LOG, mix.as_policy(WORLD.logging), outcome_model=FAST).set_index("method")
    assert found["effective_sample_size"].to_numpy() == pytest.approx(len(LOG))
    assert found.loc[["ips", "snips"], "value"].to_numpy() == pytest.approx(LOG["reward"].mean())
    assert (found["decision"] == "undecided").all()
    assert found.loc["ips", "reason"] == "the proposal does what the log did"


def test_intervals_cover_and_doubly_robust_errs_least() -> None:
    """120 logs: coverage near 95% for the three; a good model cuts the error, a bad one does not bias the estimate."""
    found = mix.estimates(WORLD, 120, 1000, outcome_model=FAST)
    assert (found["method"] != "none").mean() > 0.98, "right propensities are hardly ever called wrong"
    found = found.query("method != 'none'")
    coverage = found.groupby("method")["hit"].mean()
    assert ((coverage > 0.90) & (coverage < 0.99)).all(), coverage
    error = found.groupby("method")["error"].agg(["mean", "std", "count"])
    assert (error["mean"].abs() < 3.5 * error["std"] / np.sqrt(error["count"])).all()
    assert error["std"]["doubly_robust"] < 0.85 * error["std"]["ips"]

    bad = mix.estimates(WORLD, 64, 1000, outcome_model=DummyRegressor(strategy="constant", constant=2.0))
    bad = bad.query("method == 'doubly_robust'")["error"]
    assert abs(bad.mean()) < 3.5 * bad.std() / 8, "the model alone is off by 1.5"
    assert bad.std() > error["std"]["doubly_robust"]


def test_rare_skewed_rewards_are_covered_where_the_usual_interval_fails() -> None:
    """About six terms carry each estimate: the usual interval lies below the truth too often."""
    rng = np.random.default_rng(5)
    weights = rng.choice([0.2, 0.5, 1, 6], 2000, p=[0.4, 0.3, 0.2, 0.1])
    truth = 0.025 * weights.mean()
    hits = {"ours": 0, "usual": 0}
    for _ in range(600):
        terms = weights * (rng.random(2000) < 0.025)
        found = off_policy.skewed_interval(terms, np.arange(2000))
        hits["ours"] += found.low <= truth <= found.high
        hits["usual"] += abs(found.value - truth) <= 1.96 * found.standard_error
    assert hits["ours"] / 600 > 0.93 > hits["usual"] / 600 + 0.01


def test_without_skewness_the_interval_is_students() -> None:
    terms = np.array([-3.0, -1, 0, 1, 3])
    found = off_policy.skewed_interval(terms, np.arange(5))
    expected = stats.t.interval(0.95, 4, loc=0, scale=stats.sem(terms))
    assert (found.low, found.high) == pytest.approx(expected)


def test_customers_are_counted_once() -> None:
    """Ten impressions of one customer that go together say no more than one: intervals cover only if they know."""
    hits = {"clustered": 0, "not": 0}
    policy, model = mix.as_policy(WORLD.proposal), LinearRegression()
    for seed in range(40):
        log = mix.planted_log(WORLD, 2000, seed, per_customer=20)
        for name, seen in (("clustered", log), ("not", log.drop(columns="customer_id"))):
            found = evaluate_policy(seen, policy, outcome_model=model).set_index("method")
            if "snips" in found.index:
                hits[name] += found.loc["snips", "ci_low"] <= WORLD.value <= found.loc["snips", "ci_high"]
    assert hits["clustered"] / 40 > 0.88 > hits["not"] / 40 + 0.1
    found = evaluate_policy(mix.planted_log(WORLD, 400, 1, per_customer=20), policy, outcome_model=model)
    assert (found["customers"] == 20).all() and (found["impressions"] == 400).all()


def test_no_impression_is_foretold_by_its_own_customer() -> None:
    """A tree that knows each context by heart cannot foretell one in which only that customer was."""
    customer = np.repeat(np.arange(10), 3)
    foretold, direct = off_policy.foretell(
        customer, np.zeros(30, int), customer * 1.0, np.ones((10, 1)), customer, DecisionTreeRegressor(random_state=0)
    )
    assert (foretold != customer).all() and (foretold == direct).all()


def test_several_contexts_are_their_combination() -> None:
    two = LOG.assign(first=LOG["context"] // 2, second=LOG["context"] % 2)
    proposal = POLICY.assign(first=POLICY["context"] // 2, second=POLICY["context"] % 2)
    found = evaluate_policy(two, proposal, contexts=["first", "second"], outcome_model=FAST)
    one = evaluate_policy(LOG, POLICY, outcome_model=FAST)
    pd.testing.assert_frame_equal(found, one)


@pytest.mark.skipif(not (SHARED / "open_bandit").exists(), reason="the Open Bandit logs are not here")
def test_two_real_logs_foretell_each_other() -> None:
    """Open Bandit, men: from the random log Thompson's own click rate, and the other way round."""
    logs = mix.open_bandit(SHARED)
    forward = evaluate_policy(logs["random"], mix.shown_mix(logs["bts"]), contexts=["position"])
    back = evaluate_policy(logs["bts"], mix.even_mix(), contexts=["position"])
    for found, other, least in ((forward, "bts", 2000), (back, "random", 500)):
        shown = logs[other]["reward"].mean()
        assert list(found["method"]) == list(off_policy.METHODS), found["reason"].iloc[0]
        assert (found["ci_low"].le(shown) & found["ci_high"].ge(shown)).all()
        assert (found["effective_sample_size"] > least).all() and (found["ci_low"] > 0).all()
    # As obp 0.4.1, the library of the data's authors, has them for the same propensities.
    assert forward["value"].to_list()[:2] == pytest.approx([0.0056562667008354705, 0.005739864701951365])
    assert back["value"].to_list()[:2] == pytest.approx([0.0030086263272564836, 0.003189423162277392])


def refusal(log: pd.DataFrame, policy: pd.DataFrame = POLICY) -> str:
    """The reason of an evaluation that gives no value."""
    found = evaluate_policy(log, policy)
    assert list(found.columns) == list(off_policy.VALUE_COLUMNS) and len(found) == 1
    row = found.iloc[0]
    assert (row["method"], row["decision"]) == ("none", "none")
    assert found[["value", "ci_low", "ci_high", "gain"]].isna().all(axis=None)
    return row["reason"]


def test_propensities_are_never_made_up() -> None:
    assert refusal(LOG.assign(propensity=np.nan)) == "no propensities"
    assert refusal(LOG.assign(propensity=None)) == "no propensities"
    assert refusal(LOG.drop(columns="propensity")) == "no propensities"
    some = LOG.assign(propensity=LOG["propensity"].where(LOG.index % 2 == 0))
    found = evaluate_policy(some, POLICY, outcome_model=FAST)
    assert (found["impressions"] == 500).all()
    assert found["reason"].str.contains("500 impressions without propensity are left out").all()


@pytest.mark.parametrize("impossible", [0.0, -0.1, 1.01, np.inf])
def test_impossible_propensities_are_refused(impossible: float) -> None:
    wrong = LOG.assign(propensity=LOG["propensity"].where(LOG.index > 2, impossible))
    assert refusal(wrong) == "propensities outside (0, 1] in 3 impressions"


def test_propensities_of_another_log_are_noticed() -> None:
    assert "the propensities are not those of this log" in refusal(LOG.assign(propensity=LOG["propensity"] / 2))
    swapped = LOG.assign(propensity=(1 - LOG["propensity"]) / 3)
    assert "the propensities are not those of this log" in refusal(swapped)


def test_what_the_log_never_did_is_named() -> None:
    never = pd.concat([POLICY.assign(probability=POLICY["probability"] * 0.5),
                       pd.DataFrame({"context": [0, 1, 2], "action": "fax", "probability": 0.5})])  # fmt: skip
    assert refusal(LOG, never) == "no overlap: 50.0% of the proposal was never logged: fax"
    lacking = LOG[(LOG["context"] != 1) | (LOG["action"] != 2)]
    assert "2 in 1" in refusal(lacking) and "no overlap" in refusal(lacking)
    little = pd.concat([POLICY.assign(probability=POLICY["probability"] * 0.995),
                        pd.DataFrame({"context": [0, 1, 2], "action": "fax", "probability": 0.005})])  # fmt: skip
    found = evaluate_policy(LOG, little, outcome_model=FAST)
    assert found["reason"].str.contains("0.50% of the proposal was never logged: fax").all()


def test_logs_that_say_nothing_are_refused() -> None:
    assert refusal(LOG.iloc[:0]) == "no logged impressions"
    assert refusal(LOG.assign(reward=0)) == "every logged reward is 0: the log tells no actions apart"
    same = pd.DataFrame({"context": [0, 1, 2], "action": 0, "probability": 1.0})
    assert refusal(LOG.query("action == 0").assign(customer_id=7), same) == (
        "a single customer or impression gives no interval")  # fmt: skip
    assert refusal(LOG.query("action == 0").iloc[:1], same) == "a single customer or impression gives no interval"


def test_an_estimate_that_few_clicks_carry_decides_nothing() -> None:
    few = LOG.assign(reward=0.0)
    few.loc[few.index[few["action"] == 1][:2], "reward"] = 1.0
    found = evaluate_policy(few, POLICY, outcome_model=FAST)
    assert (found["decision"] == "undecided").all()
    assert found["reason"].str.contains("too few to decide").all()


def test_sure_gains_and_losses_are_decided_and_clipping_is_said() -> None:
    proposals = {"better": WORLD.rates.argmax(axis=1), "worse": WORLD.rates.argmin(axis=1)}
    for decision, best in proposals.items():
        policy = pd.DataFrame({"context": [0, 1, 2], "action": best, "probability": 1.0})
        found = evaluate_policy(mix.planted_log(WORLD, 4000, 2), policy, outcome_model=FAST)
        assert (found["decision"] == decision).all(), decision
    clipped = evaluate_policy(LOG, POLICY, clip=1.5, outcome_model=FAST)
    assert (clipped["largest_weight"] == 1.5).all()
    assert clipped["reason"].str.contains("weights cut to 1.5, so the values are biased").all()


def test_impossible_input_is_refused() -> None:
    cases = [
        (LOG.drop(columns="reward"), POLICY, "columns of the log are absent: reward"),
        (LOG, POLICY.drop(columns="probability"), "columns of the proposal are absent: probability"),
        (LOG.assign(reward=np.nan), POLICY, "reward is missing or infinite in 1000 rows"),
        (LOG.assign(reward=np.inf), POLICY, "reward is missing or infinite"),
        (LOG.assign(action=None), POLICY, "action is missing in 1000 rows of the log"),
        (LOG.assign(propensity="often"), POLICY, "propensity is not a number in 1000 rows"),
        (LOG, POLICY.assign(probability=0.2), "probability adds up to 0.8, not 1, in context 0"),
        (LOG, POLICY.assign(probability=-1), "probability is missing, infinite or negative"),
        (LOG, POLICY.assign(probability=np.nan), "probability is missing, infinite or negative"),
        (LOG, pd.concat([POLICY, POLICY]), "come twice in the proposal: 0 / 0"),
        (LOG, POLICY.query("context != 1"), "the proposal lacks contexts of the log: 1"),
        (LOG, POLICY.iloc[:0], "the proposal lacks contexts of the log"),
    ]
    for log, policy, message in cases:
        with pytest.raises(ValueError, match=message):
            evaluate_policy(log, policy)
    for settings in ({"clip": 0}, {"alpha": 1}, {"contexts": []}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            evaluate_policy(LOG, POLICY, **settings)
