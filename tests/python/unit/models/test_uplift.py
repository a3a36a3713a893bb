"""Uplift: the Qini coefficient by hand, learners against planted effects, and verdicts where nothing can be told."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from decision_parts.offers import (
    FEATURES,
    believed_profits,
    given_offers,
    oracle_profit,
    planted_offers,
    profits,
    simulate_customers,
    simulate_experiment,
    train_offers,
)
from precision_marketing.models.encoding import Features
from precision_marketing.models.qini import gains, qini, qini_curve
from precision_marketing.models.uplift import TrainedUplift, train_uplift
from precision_marketing.models.uplift_learners import CANDIDATES, make_learner

TWO = Features(("x", "z"), ("group",))
LINEAR = ("t_linear", "x_linear", "class_linear")


def experiment(
    n: int, seed: int, *, effect: str = "planted", share: float = 0.5, is_money: bool = False, rows_each: int = 1
) -> pd.DataFrame:
    """x, z, group, treated, y and the planted uplift of each row; ``effect``: planted, same or none."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "customer_id": np.repeat([f"c{i}" for i in range(n)], rows_each), "x": np.repeat(rng.normal(size=n), rows_each),
        "z": np.repeat(rng.normal(size=n), rows_each), "group": np.repeat(rng.choice(["a", "b"], n), rows_each),
    })  # fmt: skip
    base = 0.2 + 0.1 * expit(frame["z"])
    frame["uplift"] = {"planted": 0.25 * expit(2 * frame["x"]) - 0.05, "same": 0.1 + 0 * base, "none": 0 * base}[effect]
    frame["treated"] = (rng.uniform(size=len(frame)) < share).astype(int)
    chance = base + frame["treated"] * frame["uplift"]
    frame["y"] = (rng.uniform(size=len(frame)) < chance).astype(int)
    if is_money:
        frame["uplift"] *= 40
        frame["y"] = 40 * chance + rng.normal(0, 5, len(frame))
    return frame


def train(frame: pd.DataFrame, **options: object) -> TrainedUplift:
    return train_uplift(frame, "treated", "y", TWO, "customer_id", **{"candidates": LINEAR, **options})


# Judgement -------------------------------------------------------------------------------------------


def test_qini_by_hand() -> None:
    """Four customers, half treated, both arms with a mean of 1/2: g is 2 (y - 1/2), its sign turned for controls."""
    y, treated, score = np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0]), np.array([4.0, 1.0, 2.0, 3.0])
    assert gains(y, treated).tolist() == [1, -1, -1, 1]
    assert gains(y + 3 * treated, treated).tolist() == [4, 2, 2, 4]
    # Places are 7/8, 1/8, 3/8, 5/8.
    assert qini(y, treated, score).value == pytest.approx((3 + 3 + 1 + 1) / 8 / 4)
    curve = qini_curve(y, treated, score, points=4)
    assert curve["share"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert curve["gain"].tolist() == [0, 0.25, 0.5, 0.25, 0]
    assert curve["at_random"].tolist() == [0] * 5


@pytest.mark.parametrize("seed", range(5))
def test_qini_is_the_area_between_curve_and_line(seed: int) -> None:
    """Also with ties; and turning the score around turns its sign, a constant has 0, a shift changes nothing."""
    rng = np.random.default_rng(seed)
    n = 500
    treated, y, chance = rng.integers(0, 2, n), rng.normal(3, 2, n), rng.uniform(0.2, 0.8, n)
    score = rng.integers(0, 40, n).astype(float) if seed % 2 else rng.normal(size=n)
    found = qini(y, treated, score, chance, replicates=2)
    curve = qini_curve(y, treated, score, chance, points=n)
    area = np.trapezoid(curve["gain"] - curve["at_random"], curve["share"])
    assert found.value == pytest.approx(area, abs=1e-3 * y.std())
    assert qini(y, treated, -score, chance, replicates=2).value == pytest.approx(-found.value)
    assert qini(y, treated, 5 + 2 * score, chance, replicates=2).value == pytest.approx(found.value)
    assert qini(y, treated, np.full(n, 0.3), chance).value == pytest.approx(0, abs=1e-12)
    order = rng.permutation(n)
    shuffled = qini(y[order], treated[order], score[order], chance[order], replicates=2)
    assert shuffled.value == pytest.approx(found.value)


def test_the_mean_gain_is_the_planted_effect_whatever_the_chances() -> None:
    """Treatment depends on x, and so does the outcome: the difference of the arms is wrong, g is not."""
    rng = np.random.default_rng(0)
    n = 60_000
    x = rng.normal(size=n)
    chance = expit(x)
    treated = (rng.uniform(size=n) < chance).astype(int)
    y = 2 * x + 0.5 * treated + rng.normal(size=n)
    assert y[treated == 1].mean() - y[treated == 0].mean() > 1.5
    assert gains(y, treated, chance).mean() == pytest.approx(0.5, abs=0.1)
    doubly = gains(y, treated, np.full(n, 0.5), np.column_stack([2 * x, 2 * x + 0.5]))
    assert doubly.mean() == pytest.approx(0.5, abs=0.05)  # right guesses make up for wrong chances


def test_the_interval_covers_the_true_qini() -> None:
    """Of the planted uplift as a score: the true coefficient is the mean of uplift times place."""
    people = experiment(200_000, 1)
    truth = float((people["uplift"] * (people["uplift"].rank() / len(people) - 0.5)).mean())
    covered = []
    for seed in range(40):
        own = experiment(1_000, 100 + seed)
        found = qini(own["y"], own["treated"], own["uplift"], replicates=100, random_state=seed)
        covered.append(found.ci_low <= truth <= found.ci_high)
    assert 0.85 <= np.mean(covered) <= 1


def test_customers_are_drawn_not_rows() -> None:
    """Ten copies of each customer say nothing new."""
    own = experiment(500, 2)
    ten = pd.concat([own] * 10)
    once = qini(own["y"], own["treated"], own["x"])
    copied = qini(ten["y"], ten["treated"], ten["x"], customers=ten["customer_id"])
    as_rows = qini(ten["y"], ten["treated"], ten["x"])
    assert copied.value == pytest.approx(once.value)
    width = copied.ci_high - copied.ci_low
    assert width == pytest.approx(once.ci_high - once.ci_low, rel=0.25)
    assert as_rows.ci_high - as_rows.ci_low < width / 2


# Learners --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.5, 0.2])
@pytest.mark.parametrize("is_money", [False, True])
@pytest.mark.parametrize("name", [name for name in CANDIDATES if name != "average"])
def test_every_learner_finds_the_planted_uplift(name: str, is_money: bool, share: float) -> None:
    """Most of the planted order and level on new customers, arms of equal and of unequal size."""
    past, new = experiment(9_000, 5, share=share, is_money=is_money), experiment(4_000, 4)
    X = past[["x", "z"]].to_numpy()
    learner = make_learner(name, not is_money).fit(X, past["treated"], past["y"], np.full(len(past), share))
    found = learner.effect(new[["x", "z"]].to_numpy())
    assert np.corrcoef(found, new["uplift"])[0, 1] > 0.5
    unit = 40 if is_money else 1
    assert found.mean() == pytest.approx(unit * new["uplift"].mean(), abs=0.03 * unit)


def test_average_is_the_difference_of_the_arms() -> None:
    own = experiment(1_000, 5)
    learner = make_learner("average", True).fit(np.empty((1_000, 0)), own["treated"], own["y"], np.full(1_000, 0.5))
    means = own.groupby("treated")["y"].mean()
    assert learner.effect(np.empty((3, 0))) == pytest.approx([means[1] - means[0]] * 3)


# Choice ----------------------------------------------------------------------------------------------


def test_planted_uplift_is_found_and_said_to_be_sure() -> None:
    past, new = experiment(6_000, 6), experiment(3_000, 7)
    trained = train(past, candidates=CANDIDATES)
    assert trained.training.champion != "average" and trained.is_sure
    assert trained.verdict.startswith(f"uplift by {trained.training.champion} is better than treating all alike")
    assert set(trained.table["candidate"]) == set(CANDIDATES)
    assert trained.table.set_index("candidate").loc["average", "qini"] == pytest.approx(0)
    assert trained.table["is_champion"].sum() == 1
    assert trained.effect.ci_low <= past["uplift"].mean() <= trained.effect.ci_high
    told = trained.model.explain(new)
    np.testing.assert_array_equal(told["uplift"], trained.model.predict(new))
    assert np.corrcoef(told["uplift"], new["uplift"])[0, 1] > 0.8
    # The intervals are of the mean uplift of such customers.
    bins = new.groupby(told["ci_low"])["uplift"].mean()
    highs = told.groupby("ci_low")["ci_high"].first()
    assert ((bins.index <= bins) & (bins <= highs)).mean() >= 0.8
    assert told["with_offer"].between(0, 1).all() and told["without_offer"].between(0, 1).all()
    champion = next(c for c in trained.training.candidates if c.algorithm == trained.training.champion)
    assert {"qini", "average_effect", "treatment_auc", "calibration_slope", "qini_gain"} == {
        metric.metric for metric in champion.metrics
    }
    assert set(champion.tables) == {"qini_curve", "uplift_by_score"}
    copied = pickle.loads(pickle.dumps(trained.model))
    np.testing.assert_array_equal(copied.predict(new), told["uplift"])


def test_where_all_are_alike_the_average_stands_nearly_always() -> None:
    """More than one standard error happens by chance once in six times at most; sure, once in 40."""
    found = [train(experiment(800, 20 + seed, effect="same")) for seed in range(8)]
    assert np.mean([one.training.champion == "average" for one in found]) >= 0.6
    assert np.mean([one.is_sure for one in found]) <= 0.2
    alike = next(one for one in found if one.training.champion == "average")
    assert "uplift is not surely better than treating all alike" in alike.verdict
    assert np.ptp(alike.model.predict(experiment(50, 1))) == 0
    assert alike.model.predict(experiment(1, 1))[0] == pytest.approx(alike.effect.value)


def test_the_judge_overrules_a_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    """What leads by chance is not ahead on customers who did not choose it."""
    monkeypatch.setattr("precision_marketing.models.uplift._leader", lambda held, places: "t_linear")
    found = [train(experiment(800, 40 + seed, effect="same"), candidates=("t_linear",)) for seed in range(4)]
    assert "average" in {one.training.champion for one in found}
    assert not any(one.is_sure for one in found if one.training.champion == "average")
    assert train(experiment(4_000, 6)).training.champion == "t_linear"


def test_no_effect_is_not_called_one() -> None:
    found = train(experiment(3_000, 8, effect="none"))
    assert "the average effect is not surely other than 0" in found.verdict
    assert found.effect.ci_low < 0 < found.effect.ci_high


def test_money_is_judged_in_money() -> None:
    past, new = experiment(6_000, 9, is_money=True), experiment(2_000, 10, is_money=True)
    trained = train(past)
    assert trained.is_sure
    assert trained.effect.value == pytest.approx(past["uplift"].mean(), abs=0.5)
    assert np.sqrt(np.mean((trained.model.predict(new) - new["uplift"]) ** 2)) < new["uplift"].std() / 2
    told = trained.model.explain(new)
    assert (told["with_offer"] - told["without_offer"]).to_numpy() == pytest.approx(told["uplift"].to_numpy())


def test_exaggeration_is_shrunk() -> None:
    """Boosted trees on few rows spread the uplift too widely; the model's spread is nearer to the planted one."""
    past, new = experiment(3_000, 11), experiment(4_000, 12)
    trained = train(past, candidates=("t_boosted",))
    boosted = next(c.model for c in trained.training.candidates if c.algorithm == "t_boosted")
    raw = boosted.learner.effect(boosted.encoder.transform(new))
    assert 0 < boosted.slope < 1

    def error(found: np.ndarray) -> float:
        return float(((found - new["uplift"]) ** 2).mean())

    assert error(boosted.predict(new)) < error(raw)


def test_a_split_that_was_not_random_is_noticed() -> None:
    """Customers with a high z get the offer more often."""
    own = experiment(3_000, 13)
    rng = np.random.default_rng(0)
    chance = expit(1.5 * own["z"])
    own["treated"] = (rng.uniform(size=len(own)) < chance).astype(int)
    own["y"] = (rng.uniform(size=len(own)) < 0.2 + 0.3 * expit(own["z"]) + own["treated"] * own["uplift"]).astype(int)
    blind = train(own)
    assert not blind.is_sure and "the split does not look random" in blind.verdict
    observed = train(own, is_experiment=False)
    assert not observed.is_sure and "this is no experiment" in observed.verdict
    known = train(own.assign(chance=chance), propensity="chance")
    assert "random" not in known.verdict and "experiment" not in known.verdict
    # Adjusting for what was seen takes the bias away; the difference of the arms keeps it.
    arms = own.groupby("treated")["y"].mean()
    truth = own["uplift"].mean()
    assert arms[1] - arms[0] > truth + 0.05
    for adjusted in (observed, known):
        assert adjusted.effect.ci_low <= truth <= adjusted.effect.ci_high


def test_treated_and_untreated_who_have_nothing_in_common() -> None:
    own = experiment(600, 14)
    own["treated"] = (own["x"] > 0).astype(int)
    own["x"] = np.sign(own["x"]) * 50
    with pytest.raises(ValueError, match="do not overlap"):
        train(own, is_experiment=False)


@pytest.mark.parametrize("n", [2, 3, 10, 100])
def test_few_rows_give_the_average_and_say_so(n: int) -> None:
    own = experiment(n, 15)
    own["treated"] = np.arange(n) % 2
    trained = train(own)
    assert trained.training.champion == "average" and not trained.is_sure
    assert "uplift cannot be told: needs 50 rows in each arm" in trained.verdict
    assert set(trained.skipped) == set(LINEAR)
    assert np.isfinite(trained.model.predict(own)).all()


def test_one_customer_has_no_interval() -> None:
    own = pd.DataFrame({"customer_id": "c", "x": [1.0, 2.0], "z": 0.0, "group": "a", "treated": [0, 1], "y": [0, 1]})
    trained = train(own)
    assert (trained.effect.value, trained.effect.ci_low) == (1.0, None)
    assert "no interval" in trained.verdict


def test_constant_features_give_the_average() -> None:
    own = experiment(1_000, 16).assign(x=1.0, z=2.0, group="a")
    trained = train(own)
    assert trained.training.champion == "average" and "every feature is constant" in trained.verdict


def test_no_rows_to_score_and_new_levels() -> None:
    trained = train(experiment(2_000, 17))
    new = experiment(5, 18)
    assert trained.model.explain(new[:0]).empty and trained.model.predict(new[:0]).shape == (0,)
    assert np.isfinite(trained.model.predict(new.assign(group="never seen", x=np.nan))).all()


BROKEN = [
    (lambda frame: frame[:0], "there are no rows"),
    (lambda frame: frame.drop(columns="z"), "absent: z"),
    (lambda frame: frame.assign(treated=1), "treated holds one value only"),
    (lambda frame: frame.assign(treated=2), "treated must be 0 or 1"),
    (lambda frame: frame.assign(treated=None), "treated holds missing"),
    (lambda frame: frame.assign(y=np.nan), "y holds missing or infinite"),
    (lambda frame: frame.assign(y=np.inf), "y holds missing or infinite"),
    (lambda frame: frame.assign(y="much"), "y holds values that are no numbers"),
    (lambda frame: frame.assign(customer_id=None), "customer_id holds missing"),
    (lambda frame: frame.assign(x=np.inf), "infinite values in: x"),
]


@pytest.mark.parametrize(("breaks", "said"), BROKEN)
def test_broken_input_is_named(breaks: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        train(breaks(experiment(50, 19)))


def test_wrong_calls_are_named() -> None:
    own = experiment(50, 20).assign(chance=1.0)
    with pytest.raises(ValueError, match="no candidate is called 'z'"):
        train(own, candidates=("z",))
    with pytest.raises(ValueError, match="propensity must be one number strictly between 0 and 1"):
        train(own, propensity="chance")
    with pytest.raises(ValueError, match="treated is the treatment and cannot be a feature"):
        train_uplift(own, "treated", "y", Features(("treated",)), "customer_id")
    with pytest.raises(ValueError, match="2 outcomes, but 3 scores"):
        qini(np.array([0, 1]), np.array([0, 1]), np.array([1, 2, 3]))
    with pytest.raises(ValueError, match="score holds missing"):
        qini(np.array([0, 1]), np.array([0, 1]), np.array([1, np.nan]))


# From uplift to profit -------------------------------------------------------------------------------


def test_the_assignment_earns_nine_tenths_of_the_oracles_gain() -> None:
    """Experiments with the planted offers, models, a plan for new customers, and its true profit."""
    n = 3_000
    trained = train_offers(12_000, 0, candidates=("x_linear",))
    assert sum(one.is_sure for one in trained) >= 3
    frame, before, after = simulate_customers(n, 500)
    offers = planted_offers(n)
    truth, costs = profits(before, after)
    given, found = given_offers(frame, *believed_profits(trained, frame), offers)
    assert truth[given].sum() >= 0.9 * oracle_profit(frame, truth, costs, offers, given)
    assert found.gap < 0.01
    # Everybody the best offer, whatever it costs: still below.
    assert truth[given].sum() > truth.sum(axis=0).max()
    assert set(FEATURES.numeric) <= set(simulate_experiment(0, 10, 0).columns)
