"""Always-valid decisions: the formulas by hand, against other ways to compute them, and how often they are wrong."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

import harness
from precision_marketing.models import experiments
from precision_marketing.models.experiments import Comparison, Moments

spec = importlib.util.spec_from_file_location("benchmark_experiments", harness.ROOT / "benchmarks" / "experiments.py")
benchmark = importlib.util.module_from_spec(spec)
spec.loader.exec_module(benchmark)

LEFT = np.array([0, 0, 1.5, 2, 0, 7, 1])
RIGHT = np.array([1, 4, 0, 3, 0.5, 9, 2.5, 8])


def moments_of(values: np.ndarray) -> Moments:
    return Moments(len(values), np.count_nonzero(values), values.sum(), (values**2).sum())


def looked_at(z: float, information: float) -> Comparison:
    """A difference of z standard errors, the standard error 1."""
    return Comparison(*map(np.array, (z, 1.0, 1e9, information)))


def test_one_look_is_welchs_test() -> None:
    comparison = experiments.compare(moments_of(LEFT), moments_of(RIGHT))
    expected = stats.ttest_ind(RIGHT, LEFT, equal_var=False)
    interval = expected.confidence_interval(0.9)
    assert comparison.degrees == pytest.approx(expected.df)
    assert experiments.fixed_p_value(comparison) == pytest.approx(expected.pvalue)
    radius = experiments.fixed_radius(comparison, 0.1)
    assert comparison.difference - radius == pytest.approx(interval.low)
    assert comparison.difference + radius == pytest.approx(interval.high)


def test_information_counts_who_did_something() -> None:
    """For two halves and a share p it is n p (1 - p); for sums it does not hang on the currency."""
    halves = Moments(1000, 200, 200, 200)
    assert experiments.compare(halves, halves).information == pytest.approx(2000 * 0.2 * 0.8, rel=1e-2)
    euros = experiments.compare(moments_of(LEFT), moments_of(RIGHT)).information
    cents = experiments.compare(moments_of(100 * LEFT), moments_of(100 * RIGHT)).information
    assert cents == pytest.approx(euros)


def test_p_is_one_over_the_mixture_of_likelihood_ratios() -> None:
    """The closed form against the integral of exp(theta S - theta^2 V / 2) over theta ~ N(0, 1 / rho)."""
    z, information, rho = 2.7, 300.0, 60.0
    total = z * np.sqrt(information)

    def mixed(theta: float) -> float:
        return np.exp(theta * total - theta**2 * information / 2) * stats.norm.pdf(theta, 0, rho**-0.5)

    mixture, _ = integrate.quad(mixed, -3, 3, points=[total / information])
    assert experiments.sequential_p_value(looked_at(z, information), rho) == pytest.approx(1 / mixture)


@pytest.mark.parametrize("information", [3, 80, 500, 20_000])
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_the_interval_leaves_out_zero_where_p_is_below_alpha(information: float, alpha: float) -> None:
    radius = experiments.sequential_radius(looked_at(0, information), alpha)
    assert experiments.sequential_p_value(looked_at(radius, information)) == pytest.approx(alpha)
    assert radius > experiments.fixed_radius(looked_at(0, information), alpha)


def test_the_interval_is_tightest_where_it_is_said_to_be() -> None:
    """Of all rho the default one gives the narrowest interval at TIGHTEST_AT."""
    look = looked_at(0, experiments.TIGHTEST_AT)
    best = experiments.sequential_radius(look)
    usual = experiments.TIGHTEST_AT / experiments.mixture_ratio()
    assert best < experiments.sequential_radius(look, rho=usual * 1.1)
    assert best < experiments.sequential_radius(look, rho=usual / 1.1)
    # Waudby-Smith et al., section 2.3, in closed form: -W(-alpha^2 / e) - 1 on the lower branch of Lambert's W.
    assert experiments.mixture_ratio(0.05) == pytest.approx(-special.lambertw(-(0.05**2) / np.e, -1).real - 1)


def test_holm_by_hand() -> None:
    p_values = np.array([0.04, 0.01, 0.02])
    assert experiments.holm(p_values) == pytest.approx([0.04, 0.03, 0.04])
    assert experiments.holm_levels(p_values) == pytest.approx([0.05, 0.05 / 3, 0.025])
    # The second smallest is not rejected, so nothing after it is.
    assert experiments.holm(np.array([0.04, 0.01, 0.03])) == pytest.approx([0.06, 0.03, 0.06])
    assert experiments.holm_levels(np.array([0.04, 0.01, 0.03])) == pytest.approx([0.025, 0.05 / 3, 0.025])


def rows(*values: tuple) -> pd.DataFrame:
    return pd.DataFrame(values, columns=list(experiments.MOMENT_COLUMNS))


LARGE = rows(
    ("x", "A", "conversion", 4000, 800, 800, 800),
    ("x", "B", "conversion", 4000, 1000, 1000, 1000),
    ("x", "A", "orders", 4000, 800, 1000, 1600),
    ("x", "B", "orders", 4000, 1000, 1010, 1640),
    ("y", "B", "conversion", 100, 10, 10, 10),
)


def test_results_say_who_won_and_how_sure_that_is() -> None:
    found = experiments.evaluate(LARGE).set_index(["experiment_id", "variant", "metric"])
    assert found["decision"].to_dict() == {
        ("x", "A", "conversion"): "control", ("x", "A", "orders"): "control",
        ("x", "B", "conversion"): "winner", ("x", "B", "orders"): "undecided",
        ("y", "B", "conversion"): "no control",
    }  # fmt: skip
    won = found.loc[("x", "B", "conversion")]
    assert (won["n"], won["mean"]) == (4000, 0.25)
    assert (won["lift"], won["relative_lift"]) == pytest.approx((0.05, 0.25))
    # The standard error by hand: sqrt((0.2 x 0.8 + 0.25 x 0.75) / 3999).
    assert won["standard_error"] == pytest.approx(np.sqrt((0.16 + 0.1875) / 3999))
    assert 0 < won["ci_low"] < won["fixed_ci_low"] < 0.05 < won["fixed_ci_high"] < won["ci_high"]
    assert won["fixed_p_value"] < won["p_value"] < 0.05
    assert found.loc["y", "lift"].isna().all() and found.loc[("x", "A"), "ci_low"].isna().all()


def customers(n: int, effect: float, seed: int) -> pd.DataFrame:
    """One row per customer: variant, what he spent before, and after, which depends on it; B spends more by effect."""
    rng = np.random.default_rng(seed)
    before = rng.gamma(2, 10, n)
    variant = rng.choice(["A", "B"], n)
    after = 0.8 * before + rng.gamma(2, 4, n) + effect * (variant == "B")
    return pd.DataFrame({"variant": variant, "before": before, "after": after})


def moments_before_and_after(people: pd.DataFrame, metric: str = "spent") -> pd.DataFrame:
    made = [
        ("x", variant, metric, len(own), (own["after"] != 0).sum(), own["after"].sum(), (own["after"] ** 2).sum(),
         own["before"].sum(), (own["before"] ** 2).sum(), (own["before"] * own["after"]).sum())
        for variant, own in people.groupby("variant")
    ]  # fmt: skip
    return pd.DataFrame(made, columns=[*experiments.MOMENT_COLUMNS, *experiments.BEFORE_COLUMNS])


def test_what_was_before_makes_lifts_surer() -> None:
    """The adjusted lift is that of values less theta (X - mean X), taken customer by customer."""
    people = customers(2_000, 1.0, 1)
    found = experiments.evaluate(moments_before_and_after(people)).query("variant == 'B'").iloc[0]
    within = people[["before", "after"]] - people.groupby("variant")[["before", "after"]].transform("mean")
    theta = (within["before"] * within["after"]).sum() / (within["before"] ** 2).sum()
    people["value"] = people["after"] - theta * (people["before"] - people["before"].mean())
    a, b = (people.loc[people["variant"] == variant, "value"] for variant in "AB")
    assert found["lift"] == pytest.approx(b.mean() - a.mean())
    assert found["standard_error"] == pytest.approx(np.sqrt(a.var() / len(a) + b.var() / len(b)))
    assert found["variance_spared"] == pytest.approx(np.corrcoef(within["before"], within["after"])[0, 1] ** 2)
    raw = people.groupby("variant")["after"].mean()
    assert found["raw_lift"] == pytest.approx(raw["B"] - raw["A"])
    plain = experiments.evaluate(moments_before_and_after(people)[list(experiments.MOMENT_COLUMNS)])
    assert plain["lift"][1] == pytest.approx(found["raw_lift"]) and plain["variance_spared"].eq(0).all()
    assert found["standard_error"] < 0.6 * plain["standard_error"][1]
    assert found["fixed_p_value"] == pytest.approx(plain["fixed_p_value"][1])
    nobody = experiments.evaluate(moments_before_and_after(people.assign(before=0.0)))
    pd.testing.assert_frame_equal(nobody, plain)


def test_adjusted_lifts_find_no_more_than_there_is() -> None:
    lifts = [experiments.evaluate(moments_before_and_after(customers(400, 0.0, seed))) for seed in range(200)]
    decided = [found["decision"].isin(["winner", "loser"]).any() for found in lifts]
    mean = np.mean([found["lift"][1] for found in lifts])
    assert np.mean(decided) < 0.05 and abs(mean) < 0.15


@pytest.mark.parametrize(
    ("sizes", "shares", "is_broken"),
    [
        ((8_000, 2_000), None, True),
        ((8_000, 2_000), (0.8, 0.2), False),
        ((5_100, 4_900), None, False),
        ((5_000, 5_000), (0.8, 0.2), True),
        ((30, 10), None, False),
    ],
)
def test_a_split_that_is_not_the_planned_one_is_never_won(sizes, shares, is_broken) -> None:
    moments = rows(*(("x", variant, "m", n, n // share, n // share, n // share)
                     for variant, n, share in zip("AB", sizes, (5, 2), strict=True)))  # fmt: skip
    design = shares and pd.DataFrame(
        {"experiment_id": "x", "variant": ["A", "B"], "is_control": [True, False], "share": shares}
    )
    found = experiments.evaluate(moments, design=design).iloc[1]
    assert (found["decision"] == "broken split") == is_broken
    assert is_broken == np.isnan(found["p_value"]) == np.isnan(found["ci_low"])


def test_hourly_looks_at_a_split_by_lot_seldom_call_it_broken() -> None:
    rng = np.random.default_rng(0)
    looks = rng.random((300, 100, 40)) < 0.5
    alarms = 0
    for experiment in looks.sum(axis=2).cumsum(axis=1):
        n = 40 * np.arange(1, 101)
        alarms += any(
            experiments.split_p_value([a, b - a], [0.5, 0.5]) < 0.05 for a, b in zip(experiment, n, strict=True)
        )
    assert alarms / 300 < 0.05


def test_metrics_that_say_the_same_count_once() -> None:
    """Where everybody orders once, conversion and orders are one question, and so is money at one price."""
    one = rows(("x", "A", "conversion", 4000, 800, 800, 800), ("x", "B", "conversion", 4000, 900, 900, 900))
    orders = one.assign(metric="orders")
    money = one.assign(metric="revenue", total=one["total"] * 30, sum_of_squares=one["sum_of_squares"] * 900)
    alone = experiments.evaluate(one)["p_value"][1]
    found = experiments.evaluate(pd.concat([one, orders, money]))
    assert found["p_value"].dropna().tolist() == pytest.approx([alone] * 3)
    other = rows(("x", "A", "visits", 4000, 500, 500, 500), ("x", "B", "visits", 4000, 510, 510, 510))
    both = pd.concat([one, orders, other])
    charged = experiments.evaluate(both).set_index(["variant", "metric"])["p_value"]
    assert charged["B", "conversion"] == charged["B", "orders"] == pytest.approx(2 * alone)
    apart = pd.DataFrame({"metric": ["conversion", "orders", "visits"], "family": ["a", "a", "b"], "direction": "up"})
    charged = experiments.evaluate(both, metrics=apart).set_index(["variant", "metric"])["p_value"]
    assert charged["B", "conversion"] == pytest.approx(alone), "another family's metric costs nothing"


def test_fewer_may_be_better() -> None:
    metrics = pd.DataFrame({"metric": ["conversion", "orders"], "family": "", "direction": ["down", "up"]})
    found = experiments.evaluate(LARGE, metrics=metrics).set_index(["experiment_id", "variant", "metric"])
    assert found.loc[("x", "B", "conversion"), "decision"] == "loser"
    with pytest.raises(ValueError, match="direction must be up or down, not sideways"):
        experiments.evaluate(LARGE, metrics=metrics.assign(direction="sideways"))


def test_each_experiment_may_have_its_control_and_all_pairs() -> None:
    moments = rows(*(("x", variant, "m", 3000, active, active, active)
                     for variant, active in (("green", 600), ("old", 600), ("red", 900))))  # fmt: skip
    assert set(experiments.evaluate(moments)["decision"]) == {"no control"}
    design = pd.DataFrame(
        {"experiment_id": "x", "variant": ["green", "old", "red"], "is_control": [False, True, False], "share": 1 / 3}
    )
    found = experiments.evaluate(moments, design=design).set_index("variant")
    assert found["compared_with"].eq("old").all()
    assert found["decision"].to_dict() == {"green": "undecided", "old": "control", "red": "winner"}
    pairs = experiments.evaluate(moments, design=design, all_pairs=True).set_index(["variant", "compared_with"])
    assert set(pairs.index) == {("green", "old"), ("old", "old"), ("red", "old"), ("red", "green")}
    assert pairs.loc[("red", "green"), "lift"] == pytest.approx(0.1)
    assert pairs["p_value"].dropna().ge(found["p_value"].min()).all(), "a comparison more is charged for"


def test_decision_p_and_interval_never_disagree() -> None:
    rng = np.random.default_rng(2)
    made = []
    for number in range(200):
        for variant, more in (("A", 0.0), ("B", 0.03), ("C", -0.03)):
            for metric in ("one", "two"):
                active = int(rng.binomial(3000, 0.2 + more))
                made.append((f"e{number}", variant, metric, 3000, active, active, active))
    found = experiments.evaluate(rows(*made)).query("variant != 'A'")
    assert found["decision"].value_counts().min() > 20 and found["decision"].nunique() == 3
    decided = found["decision"] != "undecided"
    assert ((found["p_value"] <= 0.05) == decided).all()
    assert (((found["ci_low"] > 0) | (found["ci_high"] < 0)) == decided).all()
    assert ((found["decision"] == "winner") == (found["ci_low"] > 0)).all()


@pytest.mark.parametrize(
    "moments",
    [
        rows(),
        rows(("x", "A", "conversion", 1, 0, 0, 0), ("x", "B", "conversion", 1, 1, 1, 1)),
        rows(("x", "A", "conversion", 9, 0, 0, 0), ("x", "B", "conversion", 9, 0, 0, 0)),
    ],
    ids=["nobody", "one each", "nothing happened"],
)
def test_too_little_is_no_error_and_decides_nothing(moments: pd.DataFrame) -> None:
    found = experiments.evaluate(moments)
    assert len(found) == len(moments) and set(found["decision"]) <= {"control", "undecided"}
    assert list(found.columns) == [column.split()[0] for column in experiments.RESULT_SCHEMA.split(", ")]


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="alpha must lie between 0 and 1, not 5"):
        experiments.evaluate(LARGE, alpha=5)
    with pytest.raises(ValueError, match="tightest_at must be positive"):
        experiments.evaluate(LARGE, tightest_at=0)
    with pytest.raises(ValueError, match="columns are absent: active"):
        experiments.evaluate(LARGE.drop(columns="active"))


def test_hourly_looks_find_what_is_there_and_not_what_is_not() -> None:
    """A small part of benchmarks/experiments.py; docs/campaigns.md has the figures of 2,000 simulations."""
    nothing = benchmark.simulate(300, chance=0.0)
    assert nothing["always_valid_any_after_holm"] <= 0.05
    assert max(share for name, share in nothing.items() if name.startswith("always_valid")) <= 0.05
    assert nothing["naive_conversion"] > 0.3  # the baseline: peeking at a test that is valid once
    assert nothing["naive_conversion_end"] < 0.1
    something = benchmark.simulate(100, chance=0.12)
    assert something["always_valid_conversion"] > 0.5


def test_the_simulation_adds_up() -> None:
    """Everybody is in one of the two arms, and totals, squares and counts of the active fit together."""
    seen = benchmark.moments(3, 500, 0.1, np.random.default_rng(0))
    conversion, orders, revenue = (seen[metric] for metric in benchmark.METRICS)
    assert (conversion.n[:, :, -1].sum(axis=1) == 500).all()
    assert (conversion.total == conversion.active).all() and (conversion.sum_of_squares == conversion.total).all()
    assert (orders.total >= orders.active).all() and (orders.sum_of_squares >= orders.total).all()
    # By Cauchy and Schwarz: (sum of y)^2 <= active x sum of y^2.
    for metric in (orders, revenue):
        assert (metric.total**2 <= metric.active * metric.sum_of_squares * (1 + 1e-9)).all()
