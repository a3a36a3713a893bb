"""Churn models: published examples, planted hazards, Telco churn, and what is asked of them at the edges."""

from __future__ import annotations

import json
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from lifelines.statistics import proportional_hazard_test
from lifelines.utils import concordance_index

from precision_marketing.models import survival
from precision_marketing.models.churn import ChurnRule, churn_table
from precision_marketing.models.hazards import (
    BINNED,
    COLLINEAR,
    CONSTANT,
    KEPT,
    PROPORTIONAL,
    STRATIFIED,
    Lives,
    observed_lives,
    schoenfeld_test,
)
from precision_marketing.models.survival import ChurnModel, curves

# Weeks of remission of 42 leukaemia patients (Freireich et al. 1963), the standard example of the textbooks.
TREATED = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
TREATED_LOST = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
REMISSION = pd.DataFrame(
    {
        "duration_days": TREATED + PLACEBO,
        "is_churned": TREATED_LOST + [1] * 21,
        "treatment": ["treated"] * 21 + ["placebo"] * 21,
    }
)

# docs/demo_data.md
PLANTED = {
    ("membership_level", "silver"): -0.3,
    ("membership_level", "gold"): -0.7,
    ("membership_level", "platinum"): -1.2,
    ("is_dissatisfied", ""): 0.8,
    ("tenure_years", ""): -0.15,
}
COVARIATES = ["membership_level", "is_dissatisfied", "tenure_years"]
REFERENCES = {"membership_level": "normal"}


def planted(n: int, seed: int, follow_up: float = 450) -> pd.DataFrame:
    """Customers with the hazards of the demo, entering over time and seen for up to ``follow_up`` days."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "membership_level": rng.choice(["normal", "silver", "gold", "platinum"], n, p=[0.5, 0.25, 0.15, 0.1]),
            "is_dissatisfied": rng.random(n) < 0.15,
            "tenure_years": rng.uniform(0, 4, n).round(2),
        }
    )
    log_hazard = frame["membership_level"].map({"normal": 0.0, "silver": -0.3, "gold": -0.7, "platinum": -1.2})
    log_hazard = log_hazard + 0.8 * frame["is_dissatisfied"] - 0.15 * frame["tenure_years"]
    life = 320 * (rng.exponential(size=n) / np.exp(log_hazard)) ** (1 / 1.2)
    seen = rng.uniform(30, follow_up, n)
    return frame.assign(duration_days=np.minimum(life, seen), is_churned=life <= seen, life=life)


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    return planted(1_500, seed=11)


@pytest.fixture(scope="module", params=["cox", "weibull"])
def fitted(request, customers) -> ChurnModel:
    return ChurnModel(request.param, REFERENCES, folds=0).fit(customers, COVARIATES)


# Who is lost ---------------------------------------------------------------------------------------------


def purchases(*rows) -> pd.DataFrame:
    columns = ["customer_id", "first_order_date", "last_order_date", "orders", "contract_end_date"]
    return pd.DataFrame(rows, columns=columns[: len(rows[0])])


def test_lost_after_ninety_days_and_censored_ninety_days_ago() -> None:
    table = churn_table(
        purchases(
            ("lost", "2025-01-01", "2025-03-02", 4),  # 120 days of silence
            ("on the day", "2025-01-01", "2025-04-01", 4),  # exactly 90
            ("a day short", "2025-01-01", "2025-04-02", 4),
            ("bought today", "2025-01-01", "2025-06-30", 9),
            ("one order", "2025-01-01", "2025-01-01", 1),
            ("new", "2025-06-20", "2025-06-25", 2),  # nothing can be known of him
        ),
        "2025-06-30",
    )
    assert table["is_churned"].tolist() == [True, True, False, False, True, False]
    assert table["duration_days"].tolist() == [60, 90, 90, 90, 0, 0]
    assert table["as_of_days"].tolist() == [180, 180, 180, 180, 180, 10]


def test_lost_by_the_customers_own_rhythm() -> None:
    table = churn_table(
        purchases(
            ("weekly, silent for 31 days", "2025-04-26", "2025-05-31", 6),  # 3 x 7 = 21 days
            ("monthly, silent for 31 days", "2025-01-31", "2025-05-31", 5),  # 3 x 30 = 90
            ("one order, silent for 60", "2025-05-01", "2025-05-01", 1),  # 3 x 18.5, the median of the two
            ("daily, silent for 10", "2025-06-11", "2025-06-20", 10),  # at least 14
        ).iloc[:4],
        "2025-07-01",
        ChurnRule("intervals", intervals=3),
    )
    # With the daily customer the median interval is 7 days: 21.
    assert table["is_churned"].tolist() == [True, False, True, False]
    assert table["duration_days"].tolist() == [35, 151 - 90, 0, 20 - 14]


def test_lost_at_the_end_of_the_contract() -> None:
    table = churn_table(
        purchases(
            ("ended", "2025-01-01", "2025-01-01", 1, "2025-02-01"),
            ("ends today", "2025-01-01", "2025-01-01", 1, "2025-06-30"),
            ("open", "2025-01-01", "2025-01-01", 1, None),
        ),
        "2025-06-30",
        ChurnRule("contract_end"),
    )
    assert table["is_churned"].tolist() == [True, False, False]
    assert table["duration_days"].tolist() == [31, 180, 180]


def test_censoring_ninety_days_ago_is_right_and_the_obvious_ways_are_not() -> None:
    """Customers who order once a week until they leave, half of them after 200 days: the curve must say so."""
    rng = np.random.default_rng(5)
    n, as_of, median = 4_000, pd.Timestamp("2025-06-30"), 200
    first = as_of - pd.to_timedelta(rng.integers(90, 400, n), unit="D")
    stays = rng.exponential(median / np.log(2), n)
    age = (as_of - first).days.to_numpy()
    last = np.floor(np.minimum(stays, age))
    frame = pd.DataFrame(
        {
            "customer_id": range(n),
            "first_order_date": first,
            "last_order_date": first + pd.to_timedelta(last, unit="D"),
            "orders": 1 + last // 7,
        }
    )
    table = churn_table(frame, as_of).assign(segment="all")

    def survival_at_median(lives: pd.DataFrame) -> float:
        return float(curves(lives, "segment", [median])["survival"].iloc[0])

    assert survival_at_median(table) == pytest.approx(0.5, abs=0.025)
    # Censored at as_of, silence counts as survival.
    at_as_of = table.assign(duration_days=np.where(table["is_churned"], table["duration_days"], table["as_of_days"]))
    assert survival_at_median(at_as_of) > 0.54


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"last_order_date": "2024-12-31"}, "before first_order_date"),
        ({"last_order_date": "2025-07-01"}, "after 2025-06-30"),
        ({"first_order_date": None}, "first_order_date is missing"),
        ({"orders": 0}, "orders is below 1"),
        ({"customer_id": None}, "customer_id is missing"),
    ],
)  # fmt: skip
def test_unusable_purchases_are_refused(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        churn_table(purchases(("a", "2025-01-01", "2025-03-01", 2)).assign(**change), "2025-06-30")


def test_purchases_at_the_edge() -> None:
    row = purchases(("a", "2025-01-01", "2025-03-01", 2))
    with pytest.raises(ValueError, match="comes twice"):
        churn_table(pd.concat([row, row]), "2025-06-30")
    with pytest.raises(ValueError, match="absent: orders"):
        churn_table(row.drop(columns="orders"), "2025-06-30")
    with pytest.raises(ValueError, match="absent: contract_end_date"):
        churn_table(row, "2025-06-30", ChurnRule("contract_end"))
    with pytest.raises(ValueError, match="rule must be"):
        ChurnRule("weeks")
    with pytest.raises(ValueError, match="positive"):
        ChurnRule(days=0)
    for kind in ("days", "intervals"):
        empty = churn_table(row.iloc[:0], "2025-06-30", ChurnRule(kind))
        assert empty.empty and list(empty.columns) == ["customer_id", "duration_days", "is_churned", "as_of_days"]


# Published examples ----------------------------------------------------------------------------------------


def test_curves_of_the_published_example() -> None:
    """Kaplan-Meier of the treated: Cox and Oakes 1984, table 4.1; Kalbfleisch and Prentice 2002."""
    table = curves(REMISSION, "treatment", [0, 6, 7, 10, 13, 16, 22, 23, 35, 36])
    treated = table[table["segment"] == "treated"].set_index("day")
    expected = [1, 0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448, 0.448]
    assert treated["survival"].tolist()[:9] == pytest.approx(expected, abs=6e-4)
    assert treated["at_risk"].tolist() == [21, 21, 17, 15, 12, 11, 7, 6, 1, 0]
    assert np.isnan(treated["survival"][36])  # nobody was seen so long
    # log-log interval at 10 weeks, as R's survfit prints it: 0.503 to 0.889
    assert treated.loc[10, ["ci_low", "ci_high"]].tolist() == pytest.approx([0.503, 0.889], abs=1e-3)
    assert table.loc[(table["segment"] == "placebo") & (table["day"] == 36), "survival"].item() == 0


def test_hazard_ratio_of_the_published_example() -> None:
    """Cox with Efron's ties: 1.572 (0.412); Weibull: shape 1.366, log hazard ratio 1.731 (R: 1.267 / 0.732)."""
    model = ChurnModel(references={"treatment": "treated"}, folds=0).fit(REMISSION, ["treatment"])
    cox = model.drivers().iloc[0]
    assert cox["coefficient"] == pytest.approx(1.572, abs=2e-3)
    error = np.log(cox["ci_high"] / cox["ci_low"]) / (2 * 1.959964)
    assert error == pytest.approx(0.412, abs=2e-3)
    assert cox["treatment"] == PROPORTIONAL and cox["ph_p_value"] > 0.5
    weibull = model.drivers("weibull").iloc[0]
    assert weibull["coefficient"] == pytest.approx(1.731, abs=4e-3)
    assert model.models_["weibull"]["weibull"]["shape"] == pytest.approx(1.366, abs=2e-3)
    error = np.log(weibull["ci_high"] / weibull["ci_low"]) / (2 * 1.959964)
    assert error == pytest.approx(0.413, abs=2e-3)


# Against lifelines -----------------------------------------------------------------------------------------


def test_schoenfeld_test_agrees_with_lifelines(customers) -> None:
    matrix = customers[["is_dissatisfied", "tenure_years"]].astype(float)
    matrix["noise"] = np.random.default_rng(0).normal(size=len(matrix))
    lives = (np.zeros(len(customers)), customers["duration_days"].to_numpy(), customers["is_churned"].to_numpy())
    owners = np.array(matrix.columns, dtype=object)

    def rank_of_losses(durations, events, _weights) -> pd.Series:
        """lifelines' own rank counts rows in the order of strata."""
        return durations.where(events.astype(bool)).rank()

    for strata in (None, customers["membership_level"].to_numpy()):
        frame = matrix.assign(T=lives[1], E=lives[2], **({} if strata is None else {"S": strata}))
        model = CoxPHFitter().fit(frame, "T", "E", strata=None if strata is None else ["S"])
        theirs = proportional_hazard_test(model, frame, time_transform=rank_of_losses).summary["p"]
        coefficients, variance = model.params_.to_numpy(), model.variance_matrix_.to_numpy()
        ours = schoenfeld_test(matrix.to_numpy(), lives, coefficients, variance, owners, strata)
        assert ours == pytest.approx(theirs.to_dict(), rel=1e-6)


def test_survival_of_cox_agrees_with_lifelines(customers) -> None:
    model = ChurnModel("cox", REFERENCES, folds=0).fit(customers, COVARIATES)
    assert model.models_["cox"]["strata"] == []
    design = pd.get_dummies(customers[COVARIATES].drop(columns="is_dissatisfied")).drop(
        columns="membership_level_normal"
    )
    frame = design.astype(float).assign(
        is_dissatisfied=customers["is_dissatisfied"] * 1.0, T=customers["duration_days"], E=customers["is_churned"]
    )
    theirs = CoxPHFitter().fit(frame, "T", "E")
    days = np.sort(customers.loc[customers["is_churned"], "duration_days"])[[50, 200, 400, 500]]
    new = customers.head(20).assign(duration_days=0)
    ours = model.predict_survival(new, days).to_numpy()
    assert ours == pytest.approx(theirs.predict_survival_function(frame.head(20), times=days).T.to_numpy(), abs=1e-3)


def test_concordance_agrees_with_lifelines_and_counts_only_those_at_risk() -> None:
    rng = np.random.default_rng(2)
    n = 300
    end, lost, risk = rng.integers(1, 40, n) * 1.0, rng.random(n) < 0.5, rng.integers(0, 9, n) * 1.0
    lives = Lives(np.zeros(n), end, lost)
    value, influence = survival.concordance(*survival._pairs(risk, lives))
    assert value == pytest.approx(concordance_index(end, -risk, lost), abs=1e-12)
    assert abs(influence.sum()) < 1e-9
    samples = []
    for _ in range(200):
        rows = rng.integers(0, n, n)
        samples.append(concordance_index(end[rows], -risk[rows], lost[rows]))
    assert np.sqrt((influence**2).sum()) == pytest.approx(np.std(samples), rel=0.2)

    entry = np.where(rng.random(n) < 0.5, rng.integers(0, 20, n), 0) * 1.0
    keep = entry < end
    entry, end, lost, risk = entry[keep], end[keep], lost[keep], risk[keep]
    right = counted = 0.0
    for i in np.flatnonzero(lost):
        for j in range(len(end)):
            if entry[j] < end[i] and (end[j] > end[i] or (end[j] == end[i] and not lost[j])):
                counted += 1
                right += 1.0 if risk[i] > risk[j] else 0.5 if risk[i] == risk[j] else 0.0
    found, _ = survival.concordance(*survival._pairs(risk, Lives(entry, end, lost)))
    assert found == pytest.approx(right / counted, abs=1e-12)


# Planted truth ---------------------------------------------------------------------------------------------


def test_planted_hazard_ratios_lie_in_their_intervals() -> None:
    """30 intervals per model at 95%: 25 or fewer with a chance of 2%, if they are right."""
    inside = dict.fromkeys(("cox", "weibull"), 0)
    width = []
    for seed in range(6):
        model = ChurnModel(references=REFERENCES, folds=0).fit(planted(1_000, seed), COVARIATES)
        for name in inside:
            table = model.drivers(name).set_index(["covariate", "level"])
            truth = np.exp(pd.Series(PLANTED)).reindex(table.index)
            assert truth.notna().all()
            inside[name] += int(((table["ci_low"] < truth) & (truth < table["ci_high"])).sum())
            width.append(np.log(table["ci_high"] / table["ci_low"]).median())
    assert min(inside.values()) >= 26
    assert np.median(width) < 0.5  # an interval that holds everything proves nothing


def test_planted_baseline_is_found(customers) -> None:
    weibull = ChurnModel("weibull", REFERENCES, folds=0).fit(customers, COVARIATES)
    baseline = weibull.models_["weibull"]["weibull"]
    assert baseline["shape"] == pytest.approx(1.2, abs=0.08)
    someone = pd.DataFrame(
        {"duration_days": [0.0], "membership_level": ["normal"], "is_dissatisfied": [False], "tenure_years": [0.0]}
    )
    at_scale = weibull.predict_survival(someone, [320]).iloc[0, 0]
    assert at_scale == pytest.approx(np.exp(-1), abs=0.04)


def test_left_truncation(customers) -> None:
    """Whoever came under observation late had to survive until then."""
    rng = np.random.default_rng(8)
    everybody = planted(4_000, seed=4, follow_up=2_000)
    entry = rng.uniform(0, 600, len(everybody))
    end = np.minimum(everybody["life"], entry + 300)
    seen = everybody.assign(entry_days=entry, duration_days=end, is_churned=everybody["life"] <= end)
    seen = seen[seen["life"] > entry]
    for name in ("cox", "weibull"):
        right = ChurnModel(name, REFERENCES, folds=0).fit(seen, COVARIATES)
        wrong = ChurnModel(name, REFERENCES, folds=0).fit(seen.drop(columns="entry_days"), COVARIATES)
        new = everybody.assign(duration_days=0.0)
        truth = float((everybody["life"] > 320).mean())
        found, biased = (float(model.predict_survival(new, [320]).mean().iloc[0]) for model in (right, wrong))
        assert found == pytest.approx(truth, abs=0.04)
        assert biased > truth + 0.1
        table = right.drivers(name).set_index(["covariate", "level"])
        assert table["coefficient"].to_dict() == pytest.approx(PLANTED, abs=0.25)
    curve = curves(seen.assign(segment="all"), "segment", [300])
    assert curve["survival"].item() == pytest.approx(float((everybody["life"] > 300).mean()), abs=0.05)


def crossing(n: int, seed: int) -> pd.DataFrame:
    """Plan a loses customers early, plan b late; the amount protects in the first 100 days only; "kind" always."""
    rng = np.random.default_rng(seed)
    plan, amount, kind = rng.choice(["a", "b"], n), rng.uniform(0, 4, n), rng.choice(["x", "y"], n)
    hazard = rng.exponential(size=n) / np.where(kind == "x", 2.0, 1.0)
    early = np.exp(-amount)  # the hazard's factor up to day 100, 1 after
    hazard = np.where(hazard < early, hazard / early, hazard - early + 1) * 100
    life = np.where(plan == "a", 100 * (hazard / 100) ** 2, 100 * (hazard / 100) ** 0.5)
    end = np.minimum(life, 400)
    return pd.DataFrame(
        {"duration_days": end, "is_churned": life <= 400, "life": life, "plan": plan, "amount": amount, "kind": kind}
    )


def test_covariates_that_are_not_proportional_become_strata() -> None:
    frame = crossing(3_000, 1)
    model = ChurnModel("cox", {"kind": "y"}, folds=0).fit(frame, ["plan", "amount", "kind"])
    drivers = model.drivers().set_index("covariate")
    assert drivers["treatment"].to_dict() == {
        "plan": STRATIFIED,
        "amount": BINNED,
        "kind": PROPORTIONAL,
    }
    assert drivers.loc[["plan", "amount"], "ph_p_value"].max() < 0.01 < drivers.loc["kind", "ph_p_value"]
    assert drivers.loc["kind", "ci_low"] < 2 < drivers.loc["kind", "ci_high"]
    new = frame.assign(duration_days=0.0)
    unchecked = ChurnModel("cox", folds=0, ph_alpha=1e-300).fit(frame, ["plan", "amount", "kind"])
    assert unchecked.models_["cox"]["strata"] == []
    errors = []
    for candidate in (model, unchecked):
        found = candidate.predict_survival(new, [30, 150]).groupby(frame["plan"]).mean()
        truth = (
            pd.DataFrame({f"survival_{day}d": frame["life"] > day for day in (30, 150)}).groupby(frame["plan"]).mean()
        )
        errors.append(float((found - truth).abs().to_numpy().max()))
    assert errors[0] < 0.02 < 0.05 < errors[1]
    contributions = model.contributions(new)
    assert list(contributions.columns) == ["kind", " x ".join(model.models_["cox"]["strata"])]
    assert contributions.mean().to_numpy() == pytest.approx(0, abs=1e-9)
    log_ratio = np.log(model.predict(new)["hazard_ratio"].to_numpy())
    assert contributions.sum(axis=1).to_numpy() == pytest.approx(log_ratio, abs=1e-12)


def test_a_number_of_few_values_is_a_stratum_by_value() -> None:
    """A flag that one customer in eight has, missing for some, divides those who have it from those who do not."""
    frame = crossing(2_000, 4)
    frame = frame[(frame["plan"] == "b") | (np.arange(2_000) % 4 == 0)].reset_index(drop=True)
    frame["flag"] = (frame["plan"] == "a").astype(float)
    frame.loc[:5, "flag"] = np.nan
    model = ChurnModel("cox", folds=0).fit(frame, ["flag"])
    assert model.drivers()["treatment"].item() == BINNED
    found = model.predict_survival(frame.assign(duration_days=0.0), [30]).groupby(frame["plan"]).mean()
    truth = (frame["life"] > 30).groupby(frame["plan"]).mean()
    assert found["survival_30d"].to_dict() == pytest.approx(truth.to_dict(), abs=0.03)
    assert abs(truth["a"] - truth["b"]) > 0.1


def test_the_check_of_a_category_does_not_depend_on_its_reference(customers) -> None:
    found = [
        ChurnModel("cox", {"membership_level": level}, folds=0).fit(customers, COVARIATES).drivers()["ph_p_value"]
        for level in ("normal", "platinum")
    ]
    assert found[0].tolist() == pytest.approx(found[1].tolist(), rel=1e-2)


def test_what_cannot_be_stratified_is_kept_and_said() -> None:
    frame = crossing(1_000, 2)
    frame.loc[:10, "plan"] = "rare"  # fewer losses than a stratum needs
    model = ChurnModel("cox", folds=0).fit(frame, ["plan"])
    assert model.models_["cox"]["strata"] == []
    assert model.drivers()["ph_p_value"].max() < 0.01 and set(model.drivers()["treatment"]) == {KEPT}


def test_champion_and_metrics() -> None:
    weibull = ChurnModel(references=REFERENCES, folds=3).fit(planted(800, 3), COVARIATES)
    assert weibull.champion_ == "weibull"  # the truth, and a tie
    metrics = {metric.metric: metric for metric in weibull.metrics_ if not metric.segment}
    for name in ("concordance_cox", "concordance_weibull"):
        metric = metrics[name]
        assert metric.baseline == 0.5 < metric.ci_low < metric.value < metric.ci_high < 0.75
    thirds = [metric for metric in weibull.metrics_ if metric.metric == "observed_to_expected_weibull"]
    assert len(thirds) == 3 and sum(metric.rows for metric in thirds) == 800
    assert all(metric.ci_low < 1 < metric.ci_high for metric in thirds)
    # Everybody alike: too many losses expected of the good ones, too few of the bad.
    assert thirds[0].baseline < 0.8 and thirds[2].baseline > 1.25

    frame = planted(800, 3)
    start = frame["life"] < 60  # most of the losses at once, few afterwards: no Weibull
    frame["duration_days"] = np.where(start, 1 + frame["duration_days"] / 10, 200 + frame["duration_days"])
    assert ChurnModel(references=REFERENCES, folds=3).fit(frame, COVARIATES).champion_ == "cox"


# Scores ----------------------------------------------------------------------------------------------------


def test_survival_is_conditional_on_the_days_already_survived(customers) -> None:
    model = ChurnModel("weibull", REFERENCES, folds=0).fit(customers, COVARIATES)
    plain = model.models_["weibull"]
    hazard_ratio = model.predict(customers)["hazard_ratio"].to_numpy()

    def hazard(days) -> np.ndarray:
        return (days / plain["weibull"]["scale_days"]) ** plain["weibull"]["shape"] * hazard_ratio

    alive = customers["duration_days"].to_numpy()
    found = model.predict_survival(customers, [30, 90])
    assert found["survival_90d"].to_numpy() == pytest.approx(np.exp(hazard(alive) - hazard(alive + 90)), rel=1e-12)
    later = model.predict_survival(customers.assign(as_of_days=alive + 60), [30])
    assert later["survival_30d"].to_numpy() == pytest.approx(found["survival_90d"].to_numpy(), rel=1e-12)
    # The hazard rises with time, so the same customer is at more risk later.
    old = customers.assign(duration_days=1_000.0)
    assert (model.predict_survival(old)["survival_30d"] < model.predict_survival(customers)["survival_30d"]).all()


def test_predictions(fitted, customers) -> None:
    found = fitted.predict(customers)
    assert list(found.columns) == [
        "customer_id", "survival_30d", "survival_60d", "survival_90d", "expected_remaining_days", "hazard_ratio",
        "risk_band",
    ]  # fmt: skip
    assert (found["survival_30d"] > found["survival_60d"]).all()
    assert (found["survival_60d"] > found["survival_90d"]).all()
    daily = fitted.predict_survival(customers, range(366)).to_numpy()
    assert found["expected_remaining_days"].to_numpy() == pytest.approx(np.trapezoid(daily, axis=1), abs=0.5)
    expected = pd.cut(1 - found["survival_90d"], [-1, 0.1, 0.3, 1], labels=["low", "medium", "high"], right=False)
    assert found["risk_band"].tolist() == expected.tolist() and found["risk_band"].nunique() == 3
    # By their lives: the planted truth, conditional on being there.
    new = customers.assign(duration_days=100.0)[customers["life"] > 100]
    truth = float((new["life"] > 190).mean())
    assert fitted.predict(new)["survival_90d"].mean() == pytest.approx(truth, abs=0.03)


def test_explanations_are_exact(fitted, customers) -> None:
    contributions = fitted.contributions(customers)
    log_ratio = np.log(fitted.predict(customers)["hazard_ratio"])
    assert contributions.sum(axis=1).to_numpy() == pytest.approx(log_ratio.to_numpy(), abs=1e-12)
    assert contributions.mean().to_numpy() == pytest.approx(0, abs=1e-9)  # relative to the mean customer
    found = fitted.explain(customers)
    sizes = found[[f"contribution_{place}" for place in (1, 2, 3)]].abs().to_numpy()
    assert (np.diff(sizes, axis=1) <= 0).all()
    row = found.iloc[0]
    assert row["contribution_1"] == contributions.iloc[0][row["covariate_1"]]
    two = ChurnModel(folds=0).fit(customers, ["tenure_years"]).explain(customers.head(3))
    assert two["covariate_1"].tolist() == ["tenure_years"] * 3
    assert two["covariate_2"].isna().all() and two["contribution_3"].isna().all()


def test_a_reloaded_model_gives_the_same_scores(fitted, customers) -> None:
    text = json.dumps(fitted.to_dict(), allow_nan=False)
    for other in (ChurnModel.from_dict(json.loads(text)), pickle.loads(pickle.dumps(fitted))):
        pd.testing.assert_frame_equal(other.predict(customers), fitted.predict(customers), check_exact=True)
        pd.testing.assert_frame_equal(other.explain(customers), fitted.explain(customers), check_exact=True)
        pd.testing.assert_frame_equal(other.drivers(), fitted.drivers(), check_exact=True)
        assert other.metrics_ == fitted.metrics_ and other.to_dict() == fitted.to_dict()


def test_the_order_of_rows_changes_nothing() -> None:
    frame = planted(300, 1)
    models = [
        ChurnModel(references=REFERENCES, folds=2).fit(rows, COVARIATES)
        for rows in (frame, frame.sample(frac=1, random_state=0))
    ]
    assert models[0].to_dict() == models[1].to_dict()


# Telco churn -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def telco(shared_data) -> pd.DataFrame:
    path = shared_data / "telco_churn" / "telco_churn.csv.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is missing")
    raw = pd.read_csv(path)
    raw["TotalCharges"] = pd.to_numeric(raw["TotalCharges"], errors="coerce")
    return raw.rename(columns={"customerID": "customer_id"}).assign(
        duration_days=raw["tenure"] * 30.4375, is_churned=raw["Churn"] == "Yes"
    )


def test_telco_churn(telco) -> None:
    """As good as lifelines alone on the same folds, and sure of its probabilities."""
    no_covariates = {"customer_id", "tenure", "Churn", "TotalCharges", "duration_days", "is_churned"}
    covariates = [name for name in telco.columns if name not in no_covariates]
    model = ChurnModel().fit(telco, covariates)
    assert model.rows_ == 7_032  # 11 customers of month 0

    contract = model.drivers()[lambda table: table["covariate"] == "Contract"].set_index("level")
    assert contract["reference"].unique().tolist() == ["Month-to-month"]
    assert (
        contract.loc["Two year", "ci_high"]
        < contract.loc["One year", "ci_low"]
        < contract.loc["One year", "ci_high"]
        < 1
    )
    assert contract["ph_p_value"].max() < 1e-4 and set(contract["treatment"]) == {STRATIFIED}
    weibull = model.drivers("weibull")[lambda table: table["covariate"] == "Contract"].set_index("level")[
        "hazard_ratio"
    ]
    assert weibull["Two year"] < weibull["One year"] < 1
    dropped = model.drivers()[lambda table: table["treatment"] == COLLINEAR]
    assert set(dropped["level"]) == {"No internet service", "No phone service"} and len(dropped) == 7

    rows = telco[telco["duration_days"] > 0].sort_values("customer_id").reset_index(drop=True)
    dummies = pd.get_dummies(rows[covariates], drop_first=True).astype(float)
    # lifelines does not converge with the columns that follow from InternetService and PhoneService.
    dummies = dummies.drop(columns=[name for name in dummies if name.endswith(("internet service", "phone service"))])
    fold = survival.fold_numbers(rows["is_churned"].to_numpy(), 5, 0)
    lives, _ = observed_lives(rows)
    right, counted = np.zeros(len(rows)), np.zeros(len(rows))
    for number in range(5):
        train, test = fold != number, np.flatnonzero(fold == number)
        data = dummies[train].assign(T=rows["duration_days"], E=rows["is_churned"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = CoxPHFitter().fit(data, "T", "E")
        risk = theirs.predict_log_partial_hazard(dummies.iloc[test]).to_numpy()
        right[test], counted[test] = survival._pairs(risk, lives.take(test))
    baseline, _ = survival.concordance(right, counted)
    metrics = {(metric.metric, metric.segment): metric for metric in model.metrics_}
    assert metrics["concordance_cox", ""].value >= baseline
    assert metrics["concordance_weibull", ""].value == pytest.approx(baseline, abs=0.003)
    assert model.champion_ == "cox"
    for third in ("lowest", "middle", "highest"):
        metric = metrics["observed_to_expected_cox", f"{third} third of risk"]
        assert abs(np.log(metric.value)) < 0.25 and metric.ci_low < 1 < metric.ci_high
        assert abs(np.log(metric.value)) < abs(np.log(metric.baseline)) + 0.05


def test_telco_blank_charges(telco) -> None:
    """TotalCharges is blank for 11 customers; a blank says nothing."""
    blank = telco[telco["TotalCharges"].isna()]
    assert len(blank) == 11
    model = ChurnModel("weibull", folds=0).fit(telco, ["Contract", "TotalCharges"])
    scores = model.predict(blank)
    assert scores.notna().all().all()
    assert (model.contributions(blank)["TotalCharges"] == 0).all()


# Edges -----------------------------------------------------------------------------------------------------


def test_too_few_losses_are_refused(customers) -> None:
    with pytest.raises(ValueError, match="0 of 1500 customers were lost"):
        ChurnModel().fit(customers.assign(is_churned=False), COVARIATES)
    with pytest.raises(ValueError, match="of 1 customers were lost"):
        ChurnModel().fit(customers.head(1), COVARIATES)
    with pytest.raises(ValueError, match="0 of 0 customers"):
        ChurnModel().fit(customers.head(0), COVARIATES)


def test_everybody_lost(customers) -> None:
    frame = customers.head(400).assign(duration_days=customers["life"], is_churned=True)
    model = ChurnModel("cox", REFERENCES, folds=2).fit(frame, COVARIATES)
    assert model.drivers().set_index(["covariate", "level"])["coefficient"].to_dict() == pytest.approx(PLANTED, abs=0.5)
    assert model.predict(frame).notna().all().all()


def test_nothing_to_go_by(customers) -> None:
    """No covariates, or constant ones: everybody is the mean customer, and the curve is that of all."""
    for covariates in ([], ["same", "one"]):
        model = ChurnModel("cox", folds=2).fit(customers.assign(same="x", one=1.5), covariates)
        new = customers.assign(same="x", one=1.5, duration_days=0)
        assert model.predict(new)["hazard_ratio"].tolist() == [1.0] * len(new)
        kaplan_meier = curves(customers.assign(all="x"), "all", [90])["survival"].item()
        assert model.predict_survival(new, [90]).iloc[0, 0] == pytest.approx(kaplan_meier, abs=2e-3)
        assert [metric.value for metric in model.metrics_ if metric.metric.startswith("concordance")] == [0.5, 0.5]
        assert set(model.drivers()["treatment"]) <= {CONSTANT}
        assert model.explain(new.head(2))["covariate_1"].isna().all()


def test_collinear_covariates(customers) -> None:
    frame = customers.assign(tenure_months=customers["tenure_years"] * 12 + 3, copy=customers["membership_level"])
    model = ChurnModel("cox", REFERENCES, folds=0).fit(frame, [*COVARIATES, "tenure_months", "copy"])
    treatment = model.drivers().groupby("covariate")["treatment"].agg(set)
    assert treatment["tenure_months"] == treatment["copy"] == {COLLINEAR}
    alone = ChurnModel("cox", REFERENCES, folds=0).fit(customers, COVARIATES)
    pd.testing.assert_series_equal(model.predict(frame)["hazard_ratio"], alone.predict(customers)["hazard_ratio"])


def test_the_unit_of_a_covariate_does_not_matter(customers) -> None:
    for name in ("cox", "weibull"):
        large = customers.assign(tenure_years=customers["tenure_years"] * 1e6 - 1e8)
        models = [ChurnModel(name, REFERENCES, folds=0).fit(frame, COVARIATES) for frame in (customers, large)]
        scores = [model.predict(frame)["survival_90d"] for model, frame in zip(models, (customers, large), strict=True)]
        np.testing.assert_allclose(scores[0], scores[1], atol=1e-4)


def test_a_level_without_a_loss_has_a_finite_hazard(customers) -> None:
    frame = customers.assign(level=np.where((np.arange(1_500) % 10 == 0) & ~customers["is_churned"], "safe", "other"))
    model = ChurnModel("cox", folds=0).fit(frame, ["level"])
    assert model.drivers()["hazard_ratio"].item() < 0.05
    assert np.isfinite(model.predict(frame).select_dtypes("number")).all().all()


def test_new_and_missing_values_at_scoring(fitted, customers) -> None:
    odd = customers.head(3).assign(membership_level=["diamond", None, "gold"], tenure_years=[1.0, 2.0, np.nan])
    found = fitted.contributions(odd)
    assert found["membership_level"].iloc[0] == found["membership_level"].iloc[1] == 0
    assert found["membership_level"].iloc[2] < 0 and found["tenure_years"].iloc[2] == 0
    assert fitted.predict(odd).notna().all().all()
    frame = crossing(1_000, 3)
    strata = ChurnModel("cox", folds=0).fit(frame, ["plan"])
    assert strata.models_["cox"]["strata"] == ["plan"]
    new, known = (strata.predict_survival(frame.head(50).assign(plan=plan, duration_days=0)) for plan in ("?", "a"))
    assert new.notna().all().all() and not np.allclose(new, known)
    with pytest.raises(ValueError, match="tenure_years was a number"):
        fitted.predict(customers.head(1).assign(tenure_years="many"))
    with pytest.raises(ValueError, match="absent: tenure_years"):
        fitted.predict(customers.drop(columns="tenure_years"))
    assert fitted.predict(customers.head(0)).empty and fitted.explain(customers.head(0)).empty


def test_missing_values_at_the_fit(customers) -> None:
    rng = np.random.default_rng(0)
    frame = customers.copy()
    frame.loc[rng.random(1_500) < 0.2, "membership_level"] = None
    frame.loc[rng.random(1_500) < 0.2, "tenure_years"] = np.nan
    model = ChurnModel("cox", REFERENCES, folds=0).fit(frame, COVARIATES)
    assert "missing" in set(model.drivers()["level"])
    assert model.predict(frame).notna().all().all()


def test_rare_levels_share_one() -> None:
    """Sixty levels, of which forty are rare: no error, and a level that was never seen counts as a rare one."""
    frame = planted(1_500, seed=11)
    rng = np.random.default_rng(0)
    weights = np.r_[np.full(20, 10.0), np.ones(40)]
    frame["membership_level"] = [f"Tier {n}" for n in rng.choice(60, len(frame), p=weights / weights.sum())]
    model = ChurnModel(folds=2).fit(frame, ["membership_level"])
    levels = set(model.drivers()["level"]) | set(model.drivers()["reference"])
    assert len(levels) == 21 and "(other)" in levels
    rare = frame[~frame["membership_level"].isin(levels)].head(2)
    new = rare.assign(membership_level="Tier 99")
    found, other = (ChurnModel.from_dict(model.to_dict()).predict(rows)["hazard_ratio"] for rows in (rare, new))
    assert len(rare) and found.tolist() == other.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duration_days": -1.0}, "duration_days is missing, infinite or negative in 1500 rows"),
        ({"duration_days": np.nan}, "duration_days is missing"),
        ({"duration_days": "long"}, "duration_days is missing"),
        ({"entry_days": "early"}, "entry_days is missing"),
        ({"entry_days": -5.0}, "entry_days is missing, infinite or negative"),
        ({"entry_days": 5_000.0}, "must be after entry_days"),
        ({"is_churned": None}, "is_churned is missing in 1500 rows"),
        ({"is_churned": 2}, "is_churned must be true or false"),
        ({"customer_id": 7}, "customer_id comes twice: 7 and 1498 others"),
        ({"tenure_years": np.inf}, "tenure_years holds infinite values"),
    ],
)  # fmt: skip
def test_unusable_rows_are_refused(customers, change, message) -> None:
    with pytest.raises(ValueError, match=message):
        ChurnModel().fit(customers.assign(**change), COVARIATES)


def test_unusable_settings_are_refused(customers) -> None:
    for settings, message in [
        ({"model": "kaplan"}, "model must be"), ({"folds": 1}, "folds"), ({"band_limits": (0.5, 0.2)}, "band_limits"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            ChurnModel(**settings)
    for covariates, message in [
        (["nothing"], "absent: nothing"),
        (["tenure_years"] * 2, "named twice"),
        (["duration_days"], "no covariates: duration"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            ChurnModel().fit(customers, covariates)
    with pytest.raises(ValueError, match="reference 'none' of membership_level"):
        ChurnModel(references={"membership_level": "none"}).fit(customers, COVARIATES)


def test_days_of_zero(customers) -> None:
    """Lost on the first day: counted. Not seen for a day: nothing to learn."""
    frame = customers.head(600).copy()
    frame.loc[frame.index[:50], ["duration_days", "is_churned"]] = [0.0, True]
    frame.loc[frame.index[50:80], ["duration_days", "is_churned"]] = [0.0, False]
    frame["is_churned"] = frame["is_churned"].astype(bool)
    model = ChurnModel("weibull", REFERENCES, folds=0).fit(frame, COVARIATES)
    assert model.rows_ == 570
    assert curves(frame.assign(all="x"), "all", [1])["survival"].item() == pytest.approx(1 - 50 / 570, abs=0.01)


def test_curves_at_the_edge() -> None:
    empty = curves(REMISSION.head(0), "treatment")
    assert empty.empty and list(empty.columns) == ["segment", "day", "survival", "ci_low", "ci_high", "at_risk"]
    one = curves(pd.DataFrame({"duration_days": [10], "is_churned": [False], "s": [None]}), "s", [0, 10, 11])
    assert one["segment"].unique().tolist() == ["missing"]
    assert one["survival"].tolist()[:2] == [1, 1] and np.isnan(one["survival"].iloc[2])
    assert one[["ci_low", "ci_high"]].iloc[0].tolist() == [1, 1]
    with pytest.raises(ValueError, match="absent: nothing"):
        curves(REMISSION, "nothing")
