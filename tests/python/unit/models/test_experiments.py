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
