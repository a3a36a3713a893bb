"""Lifetime value, by published estimates, by numeric integration, by simulation, against naive forecasts."""

from __future__ import annotations

import importlib.util
import json
import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, special, stats

import harness
from precision_marketing.models import lifetime_value as module
from precision_marketing.models.lifetime_value import (
    SUMMARY_COLUMNS,
    BetaGeoNBD,
    GammaGamma,
    LifetimeModels,
    MeanRate,
    ShrunkenMean,
    fit_summary,
    holdout_metrics,
    lifetime_value,
    purchase_summary,
    score,
)

spec = importlib.util.spec_from_file_location("benchmark_lifetime", harness.ROOT / "benchmarks" / "lifetime.py")
benchmark = importlib.util.module_from_spec(spec)
spec.loader.exec_module(benchmark)

WEEKLY = BetaGeoNBD.from_dict(benchmark.PUBLISHED)
DAILY = benchmark.in_days(benchmark.PUBLISHED)
VALUE = GammaGamma.from_dict(benchmark.PUBLISHED_VALUE)
MODELS = LifetimeModels(DAILY, VALUE)


def frame(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


@pytest.fixture(scope="module")
def simulated() -> benchmark.Simulated:
    """20,000 customers of up to two years, whose 90 days after are known."""
    rng = np.random.default_rng(1)
    return benchmark.simulate(DAILY, rng.integers(1, 731, 20_000).astype(float), rng, horizon=90)


@pytest.fixture(scope="module")
def cdnow(shared_data) -> tuple[pd.DataFrame, pd.DataFrame]:
    return benchmark.read_cdnow(shared_data)


# Published results -----------------------------------------------------------------------------------


def test_bgnbd_gives_the_published_estimates(shared_data) -> None:
    """Fader, Hardie and Lee 2005: 2,357 customers, in weeks."""
    rows = pd.read_csv(shared_data / "cdnow" / "cdnow_customers_summary.csv")
    model = BetaGeoNBD().fit(rows["frequency"], rows["recency"], rows["T"])
    assert {name: round(getattr(model, name), 3) for name in model.names} == benchmark.PUBLISHED | {"alpha": 4.414}
    assert round(model.log_likelihood_, 1) == -9582.4
    assert model.customers_ == 2357


def test_expected_purchases_of_a_published_customer() -> None:
    """Two repeat purchases, the last in week 30.43 of 38.86: 1.226 in 39 weeks (their spreadsheet)."""
    assert WEEKLY.expected_purchases(39, 2, 30.43, 38.86) == pytest.approx([1.226], abs=5e-4)


def test_gammagamma_gives_the_published_estimates(cdnow) -> None:
    """Fader and Hardie 2013: 946 repeat buyers. 30 of them are known only as one of two or three customers."""
    purchases, sample = cdnow
    cohort = purchase_summary(purchases, benchmark.CDNOW_UNTIL)
    assert (len(cohort), len(sample)) == (23_570, 2_357)
    values = benchmark.sample_values(sample, cohort)
    assert values["weight"].sum() == pytest.approx(946)
    model = GammaGamma().fit(*(values[name] for name in ("frequency", "average_order_value", "weight")))
    for name, published in benchmark.PUBLISHED_VALUE.items():
        assert getattr(model, name) == pytest.approx(published, rel=0.02)
        assert abs(getattr(model, name) - published) < 0.1 * model.standard_errors_[name]
    assert model.log_likelihood_ == pytest.approx(-4055.92, abs=3)


def test_later_purchases_at_cdnow_are_foreseen_as_by_the_published_model_and_better_than_naively(cdnow) -> None:
    purchases, sample = cdnow
    own = BetaGeoNBD().fit(*(sample[name] for name in SUMMARY_COLUMNS[:3]))
    cohort = purchase_summary(purchases, benchmark.CDNOW_UNTIL)
    days = benchmark.HOLDOUT_WEEKS * 7
    later = benchmark.later_purchases(purchases, benchmark.CDNOW_UNTIL, days, cohort.index)["purchases"]
    found = {m.metric: m for m in holdout_metrics(own, cohort, later, days, resamples=100)}
    published = {m.metric: m for m in holdout_metrics(DAILY, cohort, later, days, resamples=2)}
    for name in ("mae", "rmse"):
        assert found[name].value <= published[name].value * 1.001
        assert found[name].ci_high < found[name].baseline
        assert found[f"{name}_reduction_mean_rate"].ci_low > 0.1
        assert found[f"{name}_reduction_run_rate"].ci_low > 0.2
    assert found["mae"].rows == 23_570
    weeks = np.array([26, 39, 52, 78])
    own_curve, published_curve = (benchmark.cumulative(model, purchases, weeks) for model in (own, DAILY))
    assert own_curve["expected"].to_numpy() == pytest.approx(published_curve["expected"].to_numpy(), rel=0.005)
    assert own_curve["expected"].to_numpy() == pytest.approx(own_curve["made"].to_numpy(), rel=0.06)


def test_later_sales_at_cdnow_are_foreseen_better_than_by_the_run_rate(cdnow) -> None:
    purchases, _ = cdnow
    summary = purchase_summary(purchases, benchmark.CDNOW_UNTIL)
    rows = benchmark.value_rows(fit_summary(summary), summary, purchases, benchmark.CDNOW_UNTIL, 273)
    assert rows[1][2] > 0.5


# The likelihoods -------------------------------------------------------------------------------------


def test_gradients_agree_with_finite_differences() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {"frequency": [0.0, 0, 1, 2, 9, 40], "recency": [0, 0, 0.3, 2, 3, 5], "age": [0, 2, 4, 2, 5, 5.5]}
    )
    weights = rng.dirichlet(np.ones(len(rows)))
    bgnbd = module._bgnbd_loss(rows, weights)
    gammagamma = module._gammagamma_loss(np.array([1.0, 1, 3, 20]), np.array([0.1, 2, 1, 0.7]), np.full(4, 0.25))
    for loss, size in ((bgnbd, 4), (gammagamma, 3)):
        for logs in rng.uniform(-2, 2, (5, size)):
            numeric = [(loss(logs + step)[0] - loss(logs - step)[0]) / 2e-5 for step in 1e-5 * np.eye(size)]
            assert loss(logs)[1] == pytest.approx(np.array(numeric), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("x, recency, age", [(0, 0, 30), (1, 4, 30), (3, 29, 30), (3, 30, 30), (12, 20, 39)])
def test_likelihood_is_the_mean_over_rates_and_chances_of_leaving(x: int, recency: float, age: float) -> None:
    """Numeric integration of the likelihood of a customer whose rate and chance of leaving are known."""
    m = WEEKLY

    def one(leaving: float, rate: float) -> float:
        likelihood = (1 - leaving) ** x * rate**x * np.exp(-rate * age)
        if x:
            likelihood += leaving * (1 - leaving) ** (x - 1) * rate**x * np.exp(-rate * recency)
        return likelihood

    # Over quantiles of both distributions, smooth where their densities are infinite.
    nodes, weights = np.polynomial.legendre.leggauss(400)
    quantile, weights = (1 + nodes) / 2, weights / 2
    rates, leavings = stats.gamma.ppf(quantile, m.r, scale=1 / m.alpha), stats.beta.ppf(quantile, m.a, m.b)
    expected = weights @ one(leavings[:, None], rates[None, :]) @ weights
    assert np.exp(m.log_likelihood(x, recency, age)) == pytest.approx([expected], rel=2e-3)


def test_gammagamma_likelihood_is_a_density() -> None:
    """The exact density of the average of x purchases adds up to 1 and has the mean p gamma / (q - 1)."""
    p, q, gamma = (benchmark.PUBLISHED_VALUE[name] for name in ("p", "q", "gamma"))
    for x in (1.0, 4.0):

        def density(value: float, x: float = x) -> float:
            loss = module._gammagamma_loss(np.array([x]), np.array([value]), np.ones(1))
            return np.exp(-loss(np.log([p, q, gamma]))[0])

        moments = [integrate.quad(lambda v, k=k, f=density: v**k * f(v), 0, np.inf)[0] for k in (0, 1)]
        assert moments == pytest.approx([1, p * gamma / (q - 1)], rel=1e-5)


def test_planted_parameters_are_recovered(simulated) -> None:
    model = BetaGeoNBD().fit(*simulated[:3])
    for name in model.names:
        planted, error = getattr(DAILY, name), model.standard_errors_[name]
        assert abs(getattr(model, name) - planted) < 3 * error
        assert error < 0.15 * planted
    rng = np.random.default_rng(2)
    x = np.maximum(simulated.frequency, 1)
    scale = rng.gamma(VALUE.q, 1 / VALUE.gamma, len(x))
    value = GammaGamma().fit(x, rng.gamma(VALUE.p * x) / (scale * x))
    for name in value.names:
        assert abs(getattr(value, name) - getattr(VALUE, name)) < 3 * value.standard_errors_[name]


def test_standard_errors_are_those_of_many_samples() -> None:
    """The spread of the estimates of 60 samples, which is itself known to within some 10%."""
    found, errors = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        model = BetaGeoNBD().fit(*benchmark.simulate(DAILY, rng.integers(100, 731, 4_000).astype(float), rng)[:3])
        found.append([getattr(model, name) for name in model.names])
        errors.append(list(model.standard_errors_.values()))
    assert np.std(np.log(found), axis=0) == pytest.approx(np.mean(np.array(errors) / found, axis=0), rel=0.35)


def test_rows_may_stand_for_many_customers(simulated) -> None:
    x, recency, age = simulated.frequency[:3000], np.ceil(simulated.recency[:3000]), simulated.age[:3000]
    single = BetaGeoNBD().fit(x, recency, age)
    rows = pd.DataFrame({"x": x, "recency": recency, "age": age}).value_counts(sort=False).reset_index()
    assert len(rows) < 2900
    weighted = BetaGeoNBD().fit(rows["x"], rows["recency"], rows["age"], rows["count"])
    assert [getattr(weighted, name) for name in weighted.names] == pytest.approx(
        [getattr(single, name) for name in single.names], rel=1e-6
    )
    assert weighted.standard_errors_ == pytest.approx(single.standard_errors_, rel=1e-5)
    assert (weighted.customers_, weighted.log_likelihood_) == pytest.approx((3000, single.log_likelihood_))
    order = np.random.default_rng(0).permutation(len(x))
    assert BetaGeoNBD().fit(x[order], recency[order], age[order]).r == pytest.approx(single.r, rel=1e-9)


def test_the_unit_of_time_and_the_currency_do_not_matter(simulated) -> None:
    daily = BetaGeoNBD().fit(*simulated[:3])
    yearly = BetaGeoNBD().fit(simulated.frequency, simulated.recency / 365, simulated.age / 365)
    assert yearly.alpha * 365 == pytest.approx(daily.alpha, rel=1e-5)
    assert yearly.a == pytest.approx(daily.a, rel=1e-5)
    rng = np.random.default_rng(0)
    x, value = rng.integers(1, 9, 500), rng.lognormal(3, 1, 500)
    dollars, cents = GammaGamma().fit(x, value), GammaGamma().fit(x, 100 * value)
    assert cents.gamma / 100 == pytest.approx(dollars.gamma, rel=1e-4)
    assert cents.log_likelihood_ == pytest.approx(dollars.log_likelihood_ - 500 * np.log(100))


# What is expected ------------------------------------------------------------------------------------


def test_probability_alive_is_bayes_rule() -> None:
    """By hand: the likelihood of who is alive over that of all."""
    x, recency, age = np.array([1, 2, 7, 300]), np.array([1.0, 20, 30, 38]), np.array([39.0, 39, 31, 39])
    r, alpha, a, b = (benchmark.PUBLISHED[name] for name in WEEKLY.names)
    alive = special.betaln(a, b + x) - (r + x) * np.log(alpha + age)
    left = special.betaln(a + 1, b + x - 1) - (r + x) * np.log(alpha + recency)
    expected = 1 / (1 + np.exp(left - alive))
    assert WEEKLY.probability_alive(x, recency, age) == pytest.approx(expected, rel=1e-12)
    assert WEEKLY.probability_alive(0, 0, 39) == [1]


def test_probability_alive_and_expected_purchases_hold_in_simulation(simulated) -> None:
    """Within each tenth of what is expected, the mean of what happened; both beat the naive forecast."""
    seen = simulated[:3]
    buyers = simulated.frequency > 0
    for expected, happened in (
        (DAILY.probability_alive(*seen)[buyers], simulated.alive[buyers].astype(float)),
        (DAILY.expected_purchases(90, *seen), simulated.later.astype(float)),
    ):
        tenth = pd.qcut(expected, 10, labels=False, duplicates="drop")
        groups = pd.DataFrame({"gap": expected - happened}).groupby(tenth)["gap"]
        assert (groups.mean().abs() < 4 * groups.std() / np.sqrt(groups.size())).all()
    share = simulated.alive[buyers].mean()
    brier = np.mean((DAILY.probability_alive(*seen) - simulated.alive)[buyers] ** 2)
    assert brier < 0.75 * share * (1 - share)


def closed_form(m: BetaGeoNBD, horizon: float, x: float, age: float) -> float:
    """As published by Fader, Hardie and Lee, for a customer who is alive."""
    z = horizon / (m.alpha + age + horizon)
    power = special.hyp2f1(m.r + x, m.b + x, m.a + m.b + x - 1, z) * (1 - z) ** (m.r + x)
    return (m.a + m.b + x - 1) / (m.a - 1) * (1 - power)


@pytest.mark.parametrize("x", [0, 1, 5, 30])
@pytest.mark.parametrize("age", [0.0, 10, 200])
@pytest.mark.parametrize("horizon", [1.0, 39, 300])
def test_expected_purchases_are_the_closed_form(x: int, age: float, horizon: float) -> None:
    if x and not age:
        return
    recency = age if x else 0
    expected = closed_form(WEEKLY, horizon, x, age) * WEEKLY.probability_alive(x, recency, age)
    assert WEEKLY.expected_purchases(horizon, x, recency, age) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("a, b", [(1, 2), (0.3, 0.7), (0.2, 0.3), (1e-3, 2000), (1 + 1e-9, 3)])
@pytest.mark.parametrize("x", [0, 2, 150])
def test_expected_purchases_where_the_closed_form_fails(a: float, b: float, x: int) -> None:
    """At a = 1, a + b = 1 and for tiny a: the integral of the expected rate of purchases over time."""
    m = BetaGeoNBD.from_dict({"r": 0.5, "alpha": 10, "a": a, "b": b})
    horizon, age, recency = 90, 60, 60 if x else 0
    now = m.alpha + age
    with np.errstate(all="ignore"):
        rate = lambda t: (m.r + x) / now * special.hyp2f1(m.r + x + 1, a, a + b + x, -t / now)  # noqa: E731
        expected = integrate.quad(rate, 0, horizon)[0] * m.probability_alive(x, recency, age)
    assert m.expected_purchases(horizon, x, recency, age) == pytest.approx(expected, rel=1e-7)


def test_expected_purchases_where_all_leave_alike() -> None:
    """Large a and b, where SciPy's hypergeometric function is inexact: the mean over p, by adaptive integration."""
    m = BetaGeoNBD.from_dict({"r": 0.5, "alpha": 10, "a": 1500, "b": 2500})
    mean = stats.beta(1500, 2650).expect(lambda p: (1 - (1 + p * 90 / 70) ** -150.5) / p, epsrel=1e-10)
    found = m.expected_purchases(90, 150, 60, 60)
    assert found == pytest.approx(mean * m.probability_alive(150, 60, 60), rel=1e-9)


def test_expected_purchases_of_a_newcomer(simulated) -> None:
    m = WEEKLY
    assert m.expected_new_customer_purchases(39.0) == pytest.approx(closed_form(m, 39, 0, 0), rel=1e-9)
    several = m.expected_new_customer_purchases([0.0, 39, 78])
    assert several[0] == 0 and np.all(np.diff(several) > 0)
    assert m.expected_purchases(39, 0, 0, 0) == pytest.approx([several[1]], rel=1e-9)
    rng = np.random.default_rng(5)
    seen = benchmark.simulate(DAILY, np.full(50_000, 365.0), rng)
    error = seen.frequency.std() / np.sqrt(len(seen.frequency))
    assert abs(DAILY.expected_new_customer_purchases(365.0) - seen.frequency.mean()) < 4 * error


def test_expected_value_lies_between_the_own_average_and_that_of_all() -> None:
    p, q, gamma = (benchmark.PUBLISHED_VALUE[name] for name in VALUE.names)
    everyone = p * gamma / (q - 1)
    few, many, none = VALUE.expected_average_value([1, 50, 0], [100, 100, np.nan])
    assert none == pytest.approx(everyone)
    assert everyone < few < many < 100
    weight = p / (p + q - 1)  # the published form: a weighted mean
    assert few == pytest.approx((1 - weight) * everyone + weight * 100)


# Lifetime value --------------------------------------------------------------------------------------


def test_lifetime_value_is_discounted_purchases_times_value() -> None:
    rows = frame((0, 0, 0, np.nan), (3, 200, 240, 25.0), (12, 100, 400, 60.0))
    x, recency, age, value = (rows[name].to_numpy(float) for name in SUMMARY_COLUMNS)
    plain = lifetime_value(*MODELS, rows, annual_discount_rate=0)
    expected = DAILY.expected_purchases(365, x, recency, age) * VALUE.expected_average_value(x, value)
    assert plain == pytest.approx(expected, rel=1e-9)
    # Step by step, as a spreadsheet does it.
    ends = [*range(30, 365, 30), 365]
    total, before, start = np.zeros(3), np.zeros(3), 0
    for end in ends:
        now = DAILY.expected_purchases(end, x, recency, age)
        total += (now - before) * 1.1 ** (-(start + end) / 2 / 365)
        before, start = now, end
    discounted = lifetime_value(*MODELS, rows)
    assert discounted == pytest.approx(total * VALUE.expected_average_value(x, value), rel=1e-7)
    assert (discounted < plain).all()
    assert lifetime_value(*MODELS, rows, step_days=1) == pytest.approx(discounted, rel=1e-3)
    assert lifetime_value(*MODELS, rows, horizon_days=0) == pytest.approx([0, 0, 0])


def test_scores() -> None:
    rows = frame((0, 0, 10, np.nan), (5, 300, 310, 40.0), (5, 30, 310, 40.0)).set_index(
        pd.Index(["new", "loyal", "lost"])
    )
    scored = score(rows, MODELS)
    assert list(scored) == ["probability_alive", "expected_purchases_90d", "expected_order_value", "clv_12m"]
    assert list(scored.index) == ["new", "loyal", "lost"]
    assert scored.loc["loyal", "probability_alive"] > 0.85 and scored.loc["lost", "probability_alive"] < 0.01
    assert scored.loc["loyal", "expected_order_value"] == scored.loc["lost", "expected_order_value"]
    assert scored.loc["loyal", "clv_12m"] > 100 * scored.loc["lost", "clv_12m"]
    assert "expected_purchases_30d" in score(rows, MODELS, horizons=(30, 180))
    pd.testing.assert_frame_equal(score(rows.iloc[::-1], MODELS), scored.iloc[::-1])
    pd.testing.assert_frame_equal(score(rows.iloc[1:2], MODELS), scored.iloc[1:2])


def test_no_customers_are_scored_to_no_rows() -> None:
    scored = score(frame(), MODELS)
    assert scored.empty
    assert list(scored) == ["probability_alive", "expected_purchases_90d", "expected_order_value", "clv_12m"]


def test_purchases_are_summed_up_per_customer() -> None:
    days = pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-11", "2024-01-21", "2024-02-01", "2024-01-05"])
    purchases = pd.DataFrame({"customer_id": list("aaaaab"), "purchase_date": days, "value": [1.0, 2, 10, 20, 99, 7]})
    summary = purchase_summary(purchases, pd.Timestamp("2024-01-31"))
    assert summary.loc["a"].tolist() == [2, 20, 30, 15]
    assert summary.loc["b"].tolist()[:3] == [0, 0, 26] and np.isnan(summary.loc["b", "average_order_value"])


def test_models_go_through_json_and_pickle(simulated) -> None:
    model = BetaGeoNBD().fit(*simulated[:3])
    rows = frame((3, 200, 240, 25.0), (0, 0, 5, np.nan))
    expected = score(rows, LifetimeModels(model, VALUE))
    for copy in (BetaGeoNBD.from_dict(json.loads(json.dumps(model.to_dict()))), pickle.loads(pickle.dumps(model))):
        assert copy.to_dict() == model.to_dict()
        other = GammaGamma.from_dict(json.loads(json.dumps(VALUE.to_dict())))
        pd.testing.assert_frame_equal(score(rows, LifetimeModels(copy, other)), expected)
    with pytest.raises(ValueError, match="alpha"):
        BetaGeoNBD.from_dict({"r": 1, "a": 1, "b": 1})
    with pytest.raises(ValueError, match="not fitted"):
        BetaGeoNBD().probability_alive(0, 0, 1)


def test_holdout_metrics_by_hand() -> None:
    """Two customers: the naive forecasts are 1 and 0, and 2 and 1; 3 and 4 purchases came."""
    rows = frame((1, 50, 90, np.nan), (0, 0, 80, np.nan))
    found = {m.metric: m for m in holdout_metrics(DAILY, rows, [3, 4], 90, resamples=50)}
    errors = DAILY.expected_purchases(90, [1, 0], [50, 0], [90, 80]) - [3, 4]
    assert found["mae"].value == pytest.approx(np.abs(errors).mean())
    assert found["rmse"].value == pytest.approx(np.sqrt((errors**2).mean()))
    assert [found[name].baseline for name in ("mae", "rmse")] == pytest.approx([2, np.sqrt(5)])
    assert found["mae_reduction_mean_rate"].baseline == pytest.approx(3)
    assert found["rmse_reduction_mean_rate"].value == pytest.approx(1 - found["rmse"].value / np.sqrt(10))
    assert found["total_ratio"].value == pytest.approx(1 + errors.sum() / 7)
    assert found["mae"].ci_low <= found["mae"].value <= found["mae"].ci_high
    assert holdout_metrics(DAILY, rows, [3, 4], 90, resamples=50) == list(found.values())
    assert "total_ratio" not in {m.metric for m in holdout_metrics(DAILY, rows, [0, 0], 90, resamples=50)}


# Edges -----------------------------------------------------------------------------------------------


def test_nobody_bought_again() -> None:
    with pytest.raises(ValueError, match="no customer bought again"):
        BetaGeoNBD().fit([0, 0], [0, 0], [10, 20])
    with pytest.raises(ValueError, match="no customer bought again"):
        GammaGamma().fit([0, 0], [np.nan, np.nan])
    with pytest.raises(ValueError, match="no customer bought again"):
        fit_summary(frame((0, 0, 10, np.nan)))


@pytest.mark.parametrize("model", [BetaGeoNBD, GammaGamma])
def test_no_customers(model) -> None:
    with pytest.raises(ValueError, match="no customer"):
        model().fit(*[[]] * (3 if model is BetaGeoNBD else 2))


@pytest.mark.parametrize("count", [1, 50])
def test_equal_customers_are_a_limit_with_the_obvious_forecast(count: int) -> None:
    """One customer, or all alike: nobody leaves, all buy at the rate seen, for the value seen. No standard errors."""
    rows = frame(*[(3, 40, 40, 10.0)] * count)
    models = fit_summary(rows)
    scored = score(rows, models)
    assert scored["probability_alive"].to_numpy() == pytest.approx(1, abs=1e-4)
    assert scored["expected_purchases_90d"].to_numpy() == pytest.approx(3 / 40 * 90, rel=1e-3)
    assert scored["expected_order_value"].to_numpy() == pytest.approx(10, rel=1e-3)
    assert set(models.bgnbd.to_dict()["standard_errors"].values()) == {None}
    assert BetaGeoNBD.from_dict(models.bgnbd.to_dict()).to_dict() == models.bgnbd.to_dict()


def test_customers_who_never_leave() -> None:
    """The NBD of Ehrenberg 1959, a limit of BG/NBD: rates are still found, with their standard errors."""
    rng = np.random.default_rng(0)
    never = BetaGeoNBD.from_dict({"r": 0.5, "alpha": 30, "a": 1e-9, "b": 2})
    seen = benchmark.simulate(never, rng.integers(1, 500, 3_000).astype(float), rng)
    model = BetaGeoNBD().fit(*seen[:3])
    assert abs(model.r - 0.5) < 3 * model.standard_errors_["r"]
    assert abs(model.alpha - 30) < 3 * model.standard_errors_["alpha"]
    assert np.isnan(model.standard_errors_["a"])
    assert model.probability_alive(*seen[:3])[seen.age > 60].min() > 0.97


def test_age_zero() -> None:
    """A customer of today says nothing, and has everything before him."""
    x, recency, age = [0, 1, 4, 2], [0, 3, 7, 9], [20, 9, 8, 30]
    model = BetaGeoNBD().fit(x, recency, age)
    assert BetaGeoNBD().fit([*x, 0], [*recency, 0], [*age, 0]).log_likelihood_ == pytest.approx(model.log_likelihood_)
    assert DAILY.log_likelihood(0, 0, 0) == pytest.approx([0])
    assert np.isfinite(score(frame((0, 0, 0, np.nan)), MODELS).to_numpy()).all()


@pytest.mark.parametrize(
    "row, message",
    [
        ((1, 11, 10), "recency exceeds age"),
        ((-1, 0, 10), "frequency has negative"),
        ((1, -1, 10), "recency has negative"),
        ((0, 0, -10), "age has negative"),
        ((1.5, 3, 10), "whole numbers"),
        ((np.nan, 3, 10), "frequency has missing"),
        ((1, 3, np.inf), "age has missing or infinite"),
        ((0, 3, 10), "from the first to the last purchase"),
        ((2, 0, 10), "from the first to the last purchase"),
    ],
)  # fmt: skip
def test_impossible_customers_are_refused(row: tuple, message: str) -> None:
    x, recency, age = ([value, good] for value, good in zip(row, (2, 5, 9), strict=True))
    for action in (BetaGeoNBD().fit, DAILY.probability_alive, partial(DAILY.expected_purchases, 90)):
        with pytest.raises(ValueError, match=message):
            action(x, recency, age)
    with pytest.raises(ValueError, match=message):
        score(frame((*row, 10.0)), MODELS)


def test_impossible_arguments_are_refused() -> None:
    rows = frame((2, 5, 9, 10.0))
    with pytest.raises(ValueError, match="columns are absent: average_order_value"):
        score(rows.drop(columns="average_order_value"), MODELS)
    with pytest.raises(ValueError, match="monetary_value has negative"):
        score(frame((2, 5, 9, -1.0)), MODELS)
    with pytest.raises(ValueError, match="monetary_value has missing"):
        fit_summary(frame((2, 5, 9, np.nan)))
    with pytest.raises(ValueError, match="must be positive for repeat buyers; 1 are not"):
        GammaGamma().fit([1, 1], [0, 3])
    with pytest.raises(ValueError, match="of one length"):
        BetaGeoNBD().fit([1, 2], [3], [4, 5])
    with pytest.raises(ValueError, match="weights has negative"):
        BetaGeoNBD().fit([1], [3], [4], [-1])
    with pytest.raises(ValueError, match="horizon"):
        DAILY.expected_purchases(-1, 0, 0, 1)
    with pytest.raises(ValueError, match="horizon"):
        DAILY.expected_new_customer_purchases(-1)
    with pytest.raises(ValueError, match="step_days"):
        lifetime_value(*MODELS, rows, step_days=0)
    with pytest.raises(ValueError, match="annual_discount_rate"):
        lifetime_value(*MODELS, rows, annual_discount_rate=-1)
    with pytest.raises(ValueError, match="no customers to compare"):
        holdout_metrics(DAILY, frame(), [], 90)


def test_values_without_a_mean_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="infinite"):
        GammaGamma().fit(np.full(300, 3), rng.pareto(0.6, 300) + 1)
    with pytest.raises(ValueError, match="infinite"):
        GammaGamma.from_dict({"p": 1, "q": 0.9, "gamma": 1}).expected_average_value(0, 0)


def test_values_too_unequal_for_gamma_gamma_have_a_shrunken_mean(simulated) -> None:
    """Wholesale: order values over five powers of ten. BG/NBD holds; who bought more often is believed more."""
    rng = np.random.default_rng(0)
    known = [values[:500] for values in simulated[:3]]
    rows = pd.DataFrame(dict(zip(SUMMARY_COLUMNS[:3], known, strict=True)))
    rows["average_order_value"] = rng.pareto(0.6, 500) + 1
    models = fit_summary(rows)
    assert isinstance(models.bgnbd, BetaGeoNBD) and isinstance(models.gammagamma, ShrunkenMean)
    bought = rows["frequency"] > 0
    mean = np.average(rows["average_order_value"][bought], weights=rows["frequency"][bought])
    assert models.gammagamma.mean == pytest.approx(mean)
    scored = score(frame((0, 0, 9, np.nan), (1, 5, 9, 0.0), (3, 5, 9, 0.0)), models)
    assert scored["expected_order_value"].tolist() == pytest.approx([mean, mean / 2, mean / 4])
    assert ShrunkenMean(**models.gammagamma.to_dict()).mean == mean


def test_wholesale_values_have_a_value_or_a_reason(simulated) -> None:
    """A standard deviation of 2 on the log scale: no failure, and purchases are foreseen whatever the values."""
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(dict(zip(SUMMARY_COLUMNS[:3], [v[:500] for v in simulated[:3]], strict=True)))
    plain = fit_summary(rows.assign(average_order_value=10.0))
    models = fit_summary(rows.assign(average_order_value=np.exp(rng.normal(4, 2, 500))))
    assert models.bgnbd.to_dict() == plain.bgnbd.to_dict()
    scored = score(rows.assign(average_order_value=50.0), models)
    assert np.isfinite(scored.to_numpy()).all()
    assert isinstance(models.gammagamma, GammaGamma) or "mean is infinite" in models.gammagamma.reason
    state = json.loads(json.dumps(models.gammagamma.to_dict()))
    assert not isinstance(models.gammagamma, ShrunkenMean) or ShrunkenMean(**state).reason == models.gammagamma.reason


def test_by_the_mean_rate_everybody_goes_on_as_before() -> None:
    models = LifetimeModels(MeanRate(), ShrunkenMean(10.0))
    rows = frame((0, 0, 30, np.nan), (3, 20, 30, 10.0))
    scored = score(rows, models)
    assert scored["expected_purchases_90d"].tolist() == pytest.approx([0, 9])
    assert scored["probability_alive"].isna().all()
    yearly = lifetime_value(*models, rows, annual_discount_rate=0)
    assert yearly.tolist() == pytest.approx([0, 365 / 10 * 10])
    assert lifetime_value(*models, rows, annual_discount_rate=0.1)[1] == pytest.approx(yearly[1] * 0.954, rel=0.002)


def test_a_gift_is_no_price(simulated) -> None:
    rows = frame((1, 5, 9, 10.0), (3, 7, 20, 14.0), (2, 6, 30, 19.0), (0, 0, 8, np.nan))
    gift = pd.concat([rows, frame((2, 9, 15, 0.0))], ignore_index=True)
    assert fit_summary(gift).gammagamma.to_dict() == fit_summary(rows).gammagamma.to_dict()
    assert fit_summary(gift).bgnbd.customers_ == 5
    assert 0 < score(gift, MODELS)["expected_order_value"].iloc[-1] < 20


def test_a_search_that_does_not_converge_says_so(monkeypatch) -> None:
    stopped = partial(optimize.minimize)
    monkeypatch.setattr(
        module.optimize,
        "minimize",
        lambda *args, **kwargs: stopped(*args, **(kwargs | {"options": {"maxiter": 1}})),
    )
    with pytest.raises(RuntimeError, match="no maximum of the likelihood was found"):
        BetaGeoNBD().fit([0, 1, 4, 2, 0], [0, 3, 7, 9, 0], [20, 9, 8, 30, 100])
