"""Channel mix: shares against integrals, evidence that fades, regret against other policies, impossible input."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from decision_parts import mix
from precision_marketing.models import bandits

DAY = dt.date(2024, 3, 1)


def rows(*values: tuple) -> pd.DataFrame:
    """Batches of one day each: segment, channel, days before DAY, impressions, clicks."""
    made = [(segment, channel, DAY - dt.timedelta(days=ago), n, c) for segment, channel, ago, n, c in values]
    return pd.DataFrame(made, columns=list(bandits.BATCH_COLUMNS))


def made_up(seed: int) -> pd.DataFrame:
    """Random batches: segments with different channels, days left out, some without impressions or clicks."""
    rng = np.random.default_rng(seed)
    cells = [(f"s{s}", f"c{c}", d) for s in range(3) for c in range(rng.integers(1, 5)) for d in range(20)]
    frame = pd.DataFrame(cells, columns=["segment", "channel", "ago"]).sample(frac=0.7, random_state=seed)
    frame["impressions"] = rng.integers(0, 300, len(frame)) * (rng.random(len(frame)) < 0.8)
    frame["clicks"] = rng.binomial(frame["impressions"], rng.beta(1, 15, len(frame)))
    return rows(*frame.itertuples(index=False, name=None))


@pytest.mark.parametrize("seed", range(6))
def test_probabilities_and_losses_are_those_of_the_integrals(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = np.exp(rng.uniform(0, 8, rng.integers(2, 6)))
    b = a * np.exp(rng.uniform(0, 3) + rng.normal(0, 0.05 if seed % 2 else 1, len(a)))
    best, loss = bandits.probabilities_best(a, b)
    u = (np.arange(20_000) + 0.5) / 20_000
    for i in range(len(a)):
        x = stats.beta.ppf(u, a[i], b[i])
        below = np.prod([stats.beta.cdf(x, a[j], b[j]) for j in range(len(a)) if j != i], axis=0)
        assert best[i] == pytest.approx(below.mean(), abs=1e-4)
    drawn = rng.beta(a, b, (40_000, len(a)))
    regret = drawn.max(axis=1, keepdims=True) - drawn
    assert np.abs(loss - regret.mean(axis=0)).max() < 5 * regret.std(axis=0).max() / np.sqrt(40_000) + 1e-9
    assert best.sum() == pytest.approx(1) and (loss >= 0).all()


def test_two_flat_posteriors_by_hand() -> None:
    best, loss = bandits.probabilities_best(np.array([1, 1]), np.array([1, 1]))
    assert best == pytest.approx([0.5, 0.5])
    assert loss == pytest.approx([2 / 3 - 1 / 2] * 2, abs=1e-4)  # the larger of two uniform numbers is 2/3 on average


@pytest.mark.parametrize("a", [[0.0, 1], [np.nan, 1], [np.inf, 1], [-1, 1]])
def test_impossible_posteriors_are_refused(a: list[float]) -> None:
    with pytest.raises(ValueError, match="positive and finite"):
        bandits.probabilities_best(np.array(a), np.array([1.0, 1.0]))


@pytest.mark.parametrize("seed", range(6))
def test_shares_of_any_batches_add_up_and_their_rows_are_whole(seed: int) -> None:
    batches = made_up(seed)
    mixed = bandits.channel_mix(batches, half_life_days=7, minimum_share=0.1)
    assert list(mixed.columns) == list(bandits.MIX_COLUMNS)
    assert set(map(tuple, mixed[bandits.KEY].to_numpy())) == set(map(tuple, batches[bandits.KEY].to_numpy()))
    for column in ("share", "probability_best", "ucb_share"):
        assert mixed.groupby("segment")[column].sum().to_numpy() == pytest.approx(1)
    assert (mixed["share"] >= 0.1 - 1e-12).all()
    assert ((0 <= mixed["ci_low"]) & (mixed["ci_low"] < mixed["expected_rate"])).all()
    assert ((mixed["expected_rate"] < mixed["ci_high"]) & (mixed["ci_high"] <= 1)).all()
    assert mixed["reason"].str.len().min() > 0
    shuffled = bandits.channel_mix(batches.sample(frac=1, random_state=1), half_life_days=7, minimum_share=0.1)
    pd.testing.assert_frame_equal(mixed, shuffled)


def test_reasons_say_what_the_data_supports() -> None:
    batches = rows(
        ("clear", "push", 0, 5000, 500), ("clear", "sms", 0, 5000, 200), ("clear", "mail", 0, 0, 0),
        ("close", "push", 0, 100, 6), ("close", "sms", 0, 100, 5),
        ("new", "push", 0, 0, 0), ("new", "sms", 0, 0, 0), ("one", "push", 0, 100, 3),
    )  # fmt: skip
    mixed = bandits.channel_mix(batches).set_index(bandits.KEY)
    decisions = mixed["decision"].to_dict()
    assert decisions["one", "push"] == "only channel" and mixed.loc[("one", "push"), "share"] == 1
    assert decisions["close", "push"] == decisions["close", "sms"] == "undecided"
    assert mixed.loc[("close", "push"), "reason"].startswith("the data does not support a choice: push leads with 6")
    assert mixed.loc["new", "share"].to_list() == pytest.approx([0.5, 0.5])
    assert (mixed.loc["new", "reason"] == "no impressions yet: the share explores").all()
    # A channel that nobody has tried is worth trying: it keeps a share, and the leader is not yet called the best.
    assert mixed.loc[("clear", "mail"), "share"] > 0.05
    assert mixed.loc[("clear", "mail"), "ucb_share"] == 1
    decided = bandits.channel_mix(batches[batches["channel"] != "mail"]).set_index(bandits.KEY)
    assert decided.loc["clear", "decision"].to_list() == ["best", "behind"]
    assert decided.loc[("clear", "push"), "reason"].startswith("ahead with 99.")
    assert decided.loc[("clear", "push"), "expected_loss"] < 1e-6
    assert decided.loc[("clear", "sms"), "expected_loss"] == pytest.approx(0.06, abs=0.01)


def test_no_clicks_and_only_clicks_have_defined_rates() -> None:
    none = bandits.channel_mix(rows(("a", "push", 0, 1000, 0), ("a", "sms", 0, 10, 0))).set_index("channel")
    assert none["expected_rate"].between(0, 0.001).all() and none.loc["sms", "share"] > none.loc["push", "share"]
    every = bandits.channel_mix(rows(("a", "push", 0, 50, 50), ("a", "sms", 0, 50, 50)))
    assert every["share"].to_list() == pytest.approx([0.5, 0.5]) and (every["expected_rate"] > 0.98).all()


def test_a_day_counts_half_after_its_half_life() -> None:
    batches = rows(("a", "push", 10, 800, 80), ("a", "push", 0, 100, 1), ("a", "sms", 0, 100, 1))
    mixed = bandits.channel_mix(batches, half_life_days=10).set_index("channel")
    assert mixed.loc["push", ["impressions", "clicks"]].to_list() == pytest.approx([500, 41])
    later = bandits.channel_mix(batches, half_life_days=10, reference=DAY + dt.timedelta(days=10))
    assert later["impressions"].to_list() == pytest.approx([250, 50])
    never = bandits.channel_mix(batches, half_life_days=np.inf).set_index("channel")
    assert never.loc["push", "impressions"] == 900 and np.isnan(never.loc["push", "half_life_days"])
    replayed = bandits.channel_mix(batches, half_life_days=10, reference=DAY - dt.timedelta(days=1))
    assert replayed["channel"].to_list() == ["push"], "later days are left out"


def test_intervals_cover_also_where_days_differ() -> None:
    """The 95% interval has the true mean rate in it, with independent clicks and with days that go up and down."""
    rng = np.random.default_rng(0)
    truth = np.array([0.05, 0.04, 0.03])
    for spread, least in ((0.0, 1.0), (0.3, 2.0)):
        inside, phi = [], []
        for seed in range(30):
            rates = truth * np.exp(rng.normal(-(spread**2) / 2, spread, (60, 3)))
            mixed = bandits.channel_mix(mix.planted_batches(rates, 500, seed, segments=1), half_life_days=np.inf)
            inside.append((mixed["ci_low"].to_numpy() <= truth) & (truth <= mixed["ci_high"].to_numpy()))
            phi.append(mixed["dispersion"].iloc[0])
        assert 0.90 <= np.mean(inside) <= 0.995
        assert np.mean(phi) >= least and (spread > 0 or np.mean(phi) < 1.15)


def test_forgetting_is_chosen_where_rates_drift_and_only_there() -> None:
    for seed in range(4):
        drifting = bandits.choose_half_life(mix.planted_batches(mix.drifting_rates(60, seed), 2000, seed))
        assert drifting.days <= 14 and "surely better" in drifting.reason
        constant = bandits.choose_half_life(mix.planted_batches(np.tile([0.05, 0.04, 0.03], (60, 1)), 2000, seed))
        assert constant.days == np.inf and constant.reason.startswith("nothing is forgotten")
        assert constant.losses["log_loss"].iloc[-1] == pytest.approx(stats.bernoulli(0.04).entropy(), rel=0.05)


def test_too_few_days_decide_nothing() -> None:
    for batches in (rows(), rows(("a", "push", 0, 10, 1)), mix.planted_batches(mix.drifting_rates(14, 1), 2000, 1)):
        chosen = bandits.choose_half_life(batches)
        assert chosen.days == np.inf and "fewer than 14" in chosen.reason


def test_log_loss_by_hand() -> None:
    """Day 2 is foretold by day 1: prior of mean 10.5 / 101 worth one click, 10 clicks of 100."""
    found = bandits.choose_half_life(rows(("a", "push", 1, 100, 10), ("a", "push", 0, 50, 4)), candidates=[1.0])
    halved, whole = found.losses["log_loss"]
    mean = 10.5 / 101
    rate = (1 + 10) / (1 / mean + 100)
    assert whole == pytest.approx(-(4 * np.log(rate) + 46 * np.log(1 - rate)) / 50)
    mean = 5.5 / 51
    rate = (1 + 5) / (1 / mean + 50)
    assert halved == pytest.approx(-(4 * np.log(rate) + 46 * np.log(1 - rate)) / 50)


def test_ucb_is_auers_index() -> None:
    n, c = np.array([[100.0, 400, 50], [0, 10, 0]]), np.array([[10.0, 60, 4], [0, 5, 0]])
    index = c[0] / n[0] + np.sqrt(2 * np.log(550) / n[0])
    assert bandits.ucb_shares(n, c)[0].argmax() == index.argmax() == 2
    assert bandits.ucb_shares(n, c)[1].tolist() == [0.5, 0, 0.5], "channels without impressions come first"


def test_thompson_forgoes_least_and_its_regret_grows_like_the_logarithm() -> None:
    """20 seeds: below uniform, epsilon-greedy and UCB1; a decade of impressions costs as much as the one before."""
    ends = np.array([1_000, 10_000, 100_000]) // 100 - 1
    rates = np.tile(mix.RATES, (ends[-1] + 1, 1))
    lost = {name: mix.regrets(policy, rates, 100)[:, ends] for name, policy in mix.POLICIES.items()}
    ours = lost.pop("Thompson")
    for name, theirs in lost.items():
        gain = theirs[:, -1] - ours[:, -1]
        assert gain.mean() > 4 * gain.std(ddof=1) / np.sqrt(len(gain)), name
    first, second = (ours[:, 1] - ours[:, 0]).mean(), (ours[:, 2] - ours[:, 1]).mean()
    decade = mix.lower_bound(mix.RATES) * np.log(10)
    # Growth like the square root would make the ratio 3.2, linear growth 10.
    assert 0.5 < second / first < 2
    assert second < 1.5 * decade
    usual = lost["epsilon-greedy"]
    assert (usual[:, 2] - usual[:, 1]).mean() > 5 * (usual[:, 1] - usual[:, 0]).mean()


GOOD = rows(("a", "push", 1, 10, 1), ("a", "sms", 1, 10, 1))


@pytest.mark.filterwarnings("ignore:Could not infer format")
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"clicks": [11, 1]}, "clicks exceed impressions: a, push, 2024-02-29"),
        ({"clicks": [np.nan, 1]}, "clicks is missing, infinite or negative in 1 rows"),
        ({"impressions": [np.inf, 10]}, "impressions is missing, infinite or negative in 1 rows"),
        ({"impressions": [-1, 10]}, "impressions is missing, infinite or negative in 1 rows"),
        ({"channel": ["push", "push"]}, "come twice: a, push, 2024-02-29"),
        ({"segment": [None, "a"]}, "segment is missing in 1 rows"),
        ({"day": [None, DAY]}, "day is missing in 1 rows"),
        ({"day": ["yesterday", "2024-01-01"]}, "day is not a date"),
    ],
)
def test_impossible_batches_are_refused(changed: dict, message: str) -> None:
    for function in (bandits.channel_mix, bandits.choose_half_life, bandits.dispersion):
        with pytest.raises(ValueError, match=message):
            function(GOOD.assign(**changed))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"half_life_days": 0}, "half_life_days must be positive"),
        ({"half_life_days": np.nan}, "half_life_days must be positive"),
        ({"minimum_share": -0.1}, "minimum_share must lie between 0 and 1"),
        ({"minimum_share": 0.6}, "minimum_share 0.6 is too large for the 2 channels of segment a"),
    ],
)
def test_impossible_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bandits.channel_mix(GOOD, **settings)
    with pytest.raises(ValueError, match="absent: clicks"):
        bandits.channel_mix(GOOD.drop(columns="clicks"))
    with pytest.raises(ValueError, match="candidates must be positive"):
        bandits.choose_half_life(GOOD, candidates=[0.0])


def test_a_minimum_that_takes_all_is_an_even_mix() -> None:
    assert bandits.channel_mix(GOOD.assign(clicks=[9, 0]), minimum_share=0.5)["share"].to_list() == [0.5, 0.5]


def test_empty_batches_give_an_empty_mix() -> None:
    empty = bandits.channel_mix(rows())
    assert empty.empty and list(empty.columns) == list(bandits.MIX_COLUMNS)
    before = bandits.channel_mix(GOOD, reference=DAY - dt.timedelta(days=9))
    assert before.empty and before.dtypes.equals(empty.dtypes)
