"""Classification, against planted odds, scikit-learn's own figures, real calls and clicks, and naive baselines."""

from __future__ import annotations

import importlib.util
import json
import pickle
import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split

import harness
from precision_marketing.models.classification import (
    CANDIDATES,
    DEFAULT_C,
    LogisticModel,
    choose_c,
    chosen_by_the_others,
    make_model,
    stable_fraction,
    time_customer_split,
    train_candidates,
)
from precision_marketing.models.encoding import MISSING, OTHER, Encoder, Features
from precision_marketing.models.evaluation import (
    decile_table,
    delong,
    evaluate,
    fairness_table,
    reliability_table,
)
from precision_marketing.models.explanation import contributions, explain, scorecard
from precision_marketing.models.gender import GenderModel
from precision_marketing.models.odds_ratios import odds_ratios

path = harness.ROOT / "benchmarks" / "classification.py"
spec = importlib.util.spec_from_file_location("benchmark_classification", path)
benchmark = importlib.util.module_from_spec(spec)
spec.loader.exec_module(benchmark)

SMALL = Features(("age", "views_30d"), ("device_type",))
QUICK = ("logistic", "gradient_boosting")


def small(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """Rows with the features of ``SMALL``, missing values among them, a day, a customer, and a target they drive."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "age": rng.normal(40, 10, n),
        "views_30d": rng.poisson(3, n).astype(float),
        "device_type": rng.choice(["mobile", "tablet", "desktop"], n, p=[0.6, 0.2, 0.2]),
        "day": rng.integers(0, 100, n),
        "customer": rng.integers(0, n // 2, n),
    })  # fmt: skip
    log_odds = -2 + 0.05 * (frame["age"] - 40) + 0.4 * frame["views_30d"] - (frame["device_type"] == "desktop")
    frame["target"] = (rng.uniform(size=n) < expit(log_odds)).astype(int)
    frame.loc[rng.uniform(size=n) < 0.1, "age"] = np.nan
    frame.loc[rng.uniform(size=n) < 0.1, "device_type"] = None
    return frame


def train_small(frame: pd.DataFrame, **options):
    return train_candidates(frame, "target", SMALL, "day", "customer", **{"candidates": QUICK, **options})


def by_name(metrics) -> dict:
    return {metric.metric: metric for metric in metrics}


@pytest.fixture(scope="module")
def impressions() -> pd.DataFrame:
    return benchmark.simulate_impressions(3_000, seed=0)


@pytest.fixture(scope="module")
def clicks(impressions):
    return train_candidates(
        impressions, "is_clicked", benchmark.IMPRESSION_FEATURES, "shown_on", "customer_id",
        candidates=(*QUICK, "logistic_balanced"), references=benchmark.REFERENCES,
    )  # fmt: skip


# Encoder -------------------------------------------------------------------------------------------


def test_encoding_by_hand() -> None:
    frame = pd.DataFrame({"age": [10, 30, None], "device": ["a", "b", None], "ignored": [1, 2, 3]})
    encoder = Encoder(("age",), ("device",)).fit(frame)
    assert encoder.get_feature_names_out().tolist() == [
        "age", f"age={MISSING}", f"device={MISSING}", "device=a", "device=b"
    ]  # fmt: skip
    sd = np.sqrt(200 / 3)  # of 10, 30 and the mean, 20
    expected = [[-10 / sd, 0, 0, 1, 0], [10 / sd, 0, 0, 0, 1], [0, 1, 1, 0, 0]]
    np.testing.assert_allclose(encoder.transform(frame), expected)


def test_what_training_did_not_see() -> None:
    encoder = Encoder(("age",), ("device",)).fit(pd.DataFrame({"age": [1.0, 3.0], "device": ["a", "b"]}))
    # A new level, a missing level and a missing number where training had none: all zeros.
    scored = encoder.transform(pd.DataFrame({"age": [None, 2.0], "device": ["watch", None]}))
    assert scored.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert encoder.transform(pd.DataFrame({"age": [], "device": []})).shape == (0, 3)


def test_constant_features_have_no_column() -> None:
    frame = pd.DataFrame({"a": [1.0, 1], "b": [np.nan, np.nan], "c": ["x", "x"], "d": [1, 2]})
    encoder = Encoder(("a", "b", "d"), ("c",)).fit(frame)
    assert encoder.columns_["feature"].tolist() == ["d"]
    # Not even where they vary at scoring.
    assert encoder.transform(frame.assign(a=[5.0, -5], b=[1.0, 2], c=["y", "z"])).tolist() == [[-1], [1]]


def test_rare_levels_share_a_column() -> None:
    frame = pd.DataFrame({"item": ["a"] * 5 + ["b"] * 4 + ["c", "d"]})
    encoder = Encoder((), ("item",), max_levels=3).fit(frame)
    assert encoder.columns_["level"].tolist() == ["a", "b", OTHER]
    assert encoder.transform(pd.DataFrame({"item": ["d", "new"]})).tolist() == [[0, 0, 1], [0, 0, 0]]


def test_whole_numbers_and_booleans_are_the_same_levels_with_and_without_nulls() -> None:
    encoder = Encoder((), ("store", "is_member")).fit(pd.DataFrame({"store": [1, 2], "is_member": [True, False]}))
    assert encoder.columns_["level"].tolist() == ["1", "2", "false", "true"]
    scored = pd.DataFrame({"store": [1.0, None], "is_member": [None, True]})
    assert encoder.transform(scored).tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"device": ["a"]}, "absent: age"),
        ({"age": ["old"], "device": ["a"]}, "age holds values that are no numbers"),
        ({"age": [np.inf], "device": ["a"]}, "infinite values in: age"),
        ({"age": [pd.Timestamp("2025-06-30")], "device": ["a"]}, "age holds times"),
        ({"age": [], "device": []}, "no rows"),
    ],
)
def test_unusable_features_are_named(frame, message) -> None:
    with pytest.raises(ValueError, match=message):
        Encoder(("age",), ("device",)).fit(pd.DataFrame(frame))


# Models --------------------------------------------------------------------------------------------


def test_logistic_agrees_with_scikit_learn() -> None:
    frame = small()
    X = Encoder(*SMALL).fit_transform(frame)
    expected = LogisticRegression(C=0.3, tol=1e-10, max_iter=1000).fit(X, frame["target"])
    found = LogisticModel(C=0.3).fit(X, frame["target"])
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=1e-5)


def test_nobody_judges_what_he_chose() -> None:
    """Of two candidates each half would choose the one that is lucky there, and has no luck in the other."""
    rng = np.random.default_rng(0)
    n = 400
    held = pd.DataFrame({"target": rng.integers(0, 2, n), "customer": [f"c{i}" for i in range(n)]})
    first = stable_fraction(held["customer"].to_numpy(), "judge") < 0.5
    good, bad = np.where(held["target"] == 1, 0.9, 0.1), np.where(held["target"] == 1, 0.1, 0.9)
    held["one"], held["other"] = np.where(first, good, bad), np.where(first, bad, good)
    assert (chosen_by_the_others(held, ["one", "other"]) == bad).all()


def test_balanced_scores_are_probabilities(impressions) -> None:
    """The prior correction: without it the mean score of 7% clicks would be above 20%."""
    X = Encoder(*benchmark.IMPRESSION_FEATURES).fit_transform(impressions)
    y = impressions["is_clicked"].to_numpy()
    rate = y.mean()
    for imbalance in ("none", "balanced"):
        score = LogisticModel(0.1, imbalance).fit(X, y).predict_proba(X)[:, 1]
        assert score.mean() == pytest.approx(rate, rel=0.06)
    raw = LogisticRegression(C=0.1, class_weight="balanced", max_iter=500).fit(X, y).predict_proba(X)[:, 1]
    assert raw.mean() > 2.5 * rate


def test_smote_without_its_package_names_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    with pytest.raises(ImportError, match="imbalanced-learn"):
        train_small(small(), candidates=("logistic_smote",))


def test_smote_scores_are_probabilities(monkeypatch) -> None:
    """With a stand-in that draws positives again until the classes are even."""

    class Smote:
        def __init__(self, k_neighbors: int, random_state: int) -> None:
            self.random_state = random_state

        def fit_resample(self, X, y):
            rng = np.random.default_rng(self.random_state)
            more = rng.choice(np.flatnonzero(y == 1), (y == 0).sum() - (y == 1).sum())
            return np.vstack([X, X[more]]), np.r_[y, y[more]]

    module = ModuleType("imblearn.over_sampling")
    module.SMOTE = Smote
    monkeypatch.setitem(sys.modules, "imblearn", ModuleType("imblearn"))
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", module)
    frame = small(2_000)
    score = make_model("logistic_smote", SMALL).fit(frame, frame["target"]).predict_proba(frame)[:, 1]
    assert score.mean() == pytest.approx(frame["target"].mean(), rel=0.1)


def test_an_unknown_imbalance_or_candidate_is_refused() -> None:
    with pytest.raises(ValueError, match="imbalance must be"):
        LogisticModel(imbalance="magic").fit(np.eye(2), np.array([0, 1]))
    with pytest.raises(ValueError, match="all rows are of one class"):
        LogisticModel().fit(np.eye(2), np.array([0, 0]))
    with pytest.raises(ValueError, match="no candidate is called 'magic'"):
        train_small(small(), candidates=("magic",))


def test_no_score_of_the_forest_is_certain() -> None:
    """Not one positive in most leaves, and still no promise that there never will be."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.uniform(size=2_000)})
    y = (frame["x"] > 0.98).astype(int)
    score = make_model("random_forest", Features(("x",))).fit(frame, y).predict_proba(frame)[:, 1]
    assert 0 < score.min() < 0.001
    assert score.max() < 1


def test_a_scorecard_scores_like_its_model() -> None:
    frame = small()
    model = make_model("logistic", SMALL).fit(frame, frame["target"])
    card = json.loads(json.dumps(scorecard(model)))
    rows = pd.concat([frame, frame.head(1).assign(device_type="watch")])

    def log_odds(row) -> float:
        total = card["intercept"]
        for name, entry in card["numeric"].items():
            missing = pd.isna(row[name])
            total += entry["missing"] if missing else (row[name] - entry["mean"]) * entry["per_unit"]
        for name, levels in card["categorical"].items():
            total += levels.get(MISSING if pd.isna(row[name]) else row[name], 0)
        return total

    expected = expit([log_odds(row) for _, row in rows.iterrows()])
    np.testing.assert_allclose(model.predict_proba(rows)[:, 1], expected, atol=1e-12)
    with pytest.raises(ValueError, match="SmoothedForest has none"):
        scorecard(make_model("random_forest", SMALL).fit(frame, frame["target"]))


@pytest.mark.parametrize("name", [name for name in CANDIDATES if name != "logistic_smote"])
def test_every_candidate_scores_the_same_after_a_pickle_and_again(name) -> None:
    frame = small()
    model = make_model(name, SMALL).fit(frame, frame["target"])
    odd = pd.concat([frame, pd.DataFrame({"age": [None], "views_30d": [None], "device_type": ["watch"]})])
    score = model.predict_proba(odd)
    assert np.isfinite(score).all()
    np.testing.assert_allclose(score.sum(axis=1), 1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(odd), score)
    np.testing.assert_array_equal(clone(model).fit(frame, frame["target"]).predict_proba(odd), score)


# Metrics -------------------------------------------------------------------------------------------


def test_metrics_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    score = np.round(rng.uniform(0.01, 0.99, 500), 2)  # with ties
    y = (rng.uniform(size=500) < score).astype(int)
    found = by_name(evaluate(y, score, base_rate=0.4))
    assert found["roc_auc"].value == pytest.approx(roc_auc_score(y, score))
    assert found["pr_auc"].value == pytest.approx(average_precision_score(y, score))
    assert found["log_loss"].value == pytest.approx(log_loss(y, score))
    assert found["brier"].value == pytest.approx(brier_score_loss(y, score))
    assert found["log_loss"].baseline == pytest.approx(log_loss(y, np.full(500, 0.4)))
    assert found["log_loss_gain"].value == pytest.approx(found["log_loss"].baseline - found["log_loss"].value)
    assert (found["roc_auc"].baseline, found["pr_auc"].baseline) == (0.5, pytest.approx(y.mean()))
    for metric in found.values():
        assert metric.ci_low < metric.value < metric.ci_high or metric.metric == "expected_calibration_error"
        assert metric.rows == 500


def test_calibration_error_by_hand() -> None:
    """Two scores; of the lower half came 20% instead of 10%, of the upper as many as said."""
    score = np.repeat([0.1, 0.5], 50)
    y = np.r_[np.repeat([1, 0], [10, 40]), np.repeat([1, 0], 25)]
    assert by_name(evaluate(y, score))["expected_calibration_error"].value == pytest.approx(0.05)


def test_delong_on_the_example_by_hand() -> None:
    """Positives 3 and 1, negatives 2 and 0: three of four pairs in order, placements (1, 1/2) and (1/2, 1)."""
    (auc,), ((variance,),) = delong(np.array([1, 1, 0, 0]), np.array([3, 1, 2, 0]))
    assert auc == 0.75
    # Sample variance of the placements 1/8 on each side, over two rows each.
    assert variance == pytest.approx(1 / 8 / 2 + 1 / 8 / 2)
    # A single positive has no variance to estimate from.
    assert np.isnan(delong(np.array([1, 0, 0]), np.array([3, 2, 0]))[1]).all()


@pytest.mark.parametrize("per_customer", [1, 8])
def test_the_interval_of_roc_auc_holds_the_true_one(per_customer) -> None:
    """Rows of a customer share score and inclination. 400 samples: 95% +- 3 simulation errors."""
    rng = np.random.default_rng(1)
    shift, held = 1.0, 0
    truth = 0.7602499  # P(N(1, 1) > N(0, 1))
    for _ in range(400):
        label = rng.integers(0, 2, 60)
        score = expit(rng.normal(label * shift))
        y, score = np.repeat(label, per_customer), np.repeat(score, per_customer)
        metric = by_name(evaluate(y, score, groups=np.repeat(np.arange(60), per_customer), replicates=1))["roc_auc"]
        held += metric.ci_low <= truth <= metric.ci_high
    assert held / 400 == pytest.approx(0.95, abs=0.033)


def test_metrics_of_one_class_and_of_nothing() -> None:
    assert evaluate([], []) == []
    found = by_name(evaluate(np.zeros(30), np.full(30, 0.1)))
    assert set(found) == {"log_loss", "log_loss_gain", "brier", "expected_calibration_error"}
    assert found["brier"].value == pytest.approx(0.01)
    single, *_ = evaluate([1], [0.5])
    assert (single.metric, single.ci_low) == ("log_loss", None)
    with pytest.raises(ValueError, match="both classes"):
        delong(np.ones(3), np.ones(3))


def test_labels_and_scores_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="labels must be 0 or 1"):
        evaluate([2], [0.5])
    with pytest.raises(ValueError, match="probabilities"):
        evaluate([1, 0], [0.5, np.nan])
    with pytest.raises(ValueError, match="2 labels, but 1 scores"):
        decile_table([1, 0], [0.5])


def test_deciles_of_a_perfect_and_of_a_constant_score() -> None:
    y = np.repeat([1, 0], [20, 80])
    perfect = decile_table(y, np.linspace(1, 0, 100))
    assert perfect["lift"].tolist() == [5, 5] + [0] * 8
    assert perfect["gain"].tolist() == [0.5] + [1.0] * 9
    constant = decile_table(y, np.full(100, 0.2))
    np.testing.assert_allclose(constant["lift"], 1)
    np.testing.assert_allclose(constant["gain"], np.arange(1, 11) / 10)
    assert decile_table([], []).empty
    assert np.isnan(decile_table([0], [0.3])["lift"]).all()


def test_reliability_of_true_probabilities() -> None:
    rng = np.random.default_rng(0)
    score = rng.uniform(size=20_000)
    table = reliability_table(rng.uniform(size=20_000) < score, score)
    assert table["rows"].tolist() == [2_000] * 10
    inside = (table["ci_low"] <= table["mean_score"]) & (table["mean_score"] <= table["ci_high"])
    assert inside.sum() >= 9
    halved = reliability_table(rng.uniform(size=20_000) < score / 2, score)
    assert (halved["ci_high"] < halved["mean_score"])[1:].all()
    assert reliability_table([], []).empty


def test_fairness_by_hand() -> None:
    frame = pd.DataFrame({
        "gender": ["f"] * 5 + ["m"] * 4 + [None],
        "target": [1, 0, 1, 0, 0, 0, 1, 0, 0, 0],
        "score": [0.9, 0.8, 0.4, 0.3, 0.2, 0.1, 0.05, 0.04, 0.03, 0.02],
    })  # fmt: skip
    table = fairness_table(frame, ["gender"]).set_index("level")
    assert table["rows"].to_dict() == {"f": 5, "m": 4, MISSING: 1}
    assert table.loc["f", "positive_rate"] == pytest.approx(0.4)
    assert table.loc["f", "mean_score"] == pytest.approx(0.52)
    assert table["selection_rate"].to_dict() == {"f": 0.4, "m": 0.0, MISSING: 0.0}
    assert table.loc["f", "roc_auc"] == pytest.approx(5 / 6)
    assert table.loc["m", "roc_auc"] == pytest.approx(2 / 3)
    assert np.isnan(table.loc[MISSING, "roc_auc"])
    # With one score for all, everybody is selected in the same part.
    even = fairness_table(frame.assign(score=0.5), ["gender"])
    np.testing.assert_allclose(even["selection_rate"], 0.2)
    with pytest.raises(ValueError, match="absent: age"):
        fairness_table(frame, ["age"])


# Odds ratios ---------------------------------------------------------------------------------------


def test_firth_of_a_two_by_two_table() -> None:
    """Saturated, so Firth's estimate adds 1/2 to each cell: 3 of 10 clicked against none of 8."""
    frame = pd.DataFrame({"device": ["a"] * 10 + ["b"] * 8})
    y = np.r_[np.repeat([1, 0], [3, 7]), np.zeros(8)]
    row = odds_ratios(frame, y, Features((), ("device",)), references={"device": "a"}).set_index("level").loc["b"]
    expected = np.log(0.5 / 8.5) - np.log(3.5 / 7.5)
    assert row["coefficient"] == pytest.approx(expected, abs=1e-5)
    assert row["reference"] == "a"
    assert row["ci_low"] < 1 < row["ci_high"] < np.inf


def test_coefficients_are_per_unit_and_large_samples_agree_with_maximum_likelihood(impressions) -> None:
    y = impressions["is_clicked"]
    features = Features(("age_decades",))
    found = odds_ratios(impressions, y, features).set_index("feature").loc["age_decades"]
    unpenalised = LogisticRegression(C=np.inf, tol=1e-10).fit(impressions[["age_decades"]], y)
    assert found["coefficient"] == pytest.approx(unpenalised.coef_[0, 0], abs=1e-4)
    in_years = odds_ratios(impressions.assign(age_decades=impressions["age_decades"] * 10), y, features)
    assert in_years["coefficient"].iloc[1] == pytest.approx(found["coefficient"] / 10)


def test_intervals_hold_the_planted_odds_at_the_nominal_rate() -> None:
    """30 simulations, 17 coefficients each, and the penalised intervals that do not."""
    share, error = benchmark.coverage(30, 250)
    assert share == pytest.approx(0.95, abs=max(3 * error, 0.03))
    penalised, _ = benchmark.coverage(10, 250, C=0.01)
    assert penalised < 0.7


def test_rows_of_one_customer_are_not_taken_for_many(impressions) -> None:
    """Every row five times tells nothing new."""
    once = impressions.head(5_000).reset_index(drop=True)
    again = pd.concat([once] * 5, ignore_index=True)
    features = benchmark.IMPRESSION_FEATURES
    errors = [
        odds_ratios(frame, frame["is_clicked"], features, groups)["standard_error"].to_numpy()
        for frame, groups in ((once, once.index), (again, np.tile(once.index, 5)), (again, None))
    ]
    told = np.isfinite(errors[0])
    np.testing.assert_allclose(errors[1][told], errors[0][told], rtol=0.1)
    assert np.median(errors[2][told] / errors[0][told]) == pytest.approx(1 / np.sqrt(5), rel=0.05)


def test_what_cannot_be_told_apart_is_left_open(impressions) -> None:
    frame = impressions.head(3_000).assign(twin=lambda rows: rows["age_decades"] * 2 + 1)
    table = odds_ratios(frame, frame["is_clicked"], Features(("age_decades", "twin"))).set_index("feature")
    assert np.isfinite(table.loc["age_decades", "coefficient"])
    assert np.isnan(table.loc["twin", ["coefficient", "odds_ratio", "ci_low"]].astype(float)).all()
    with pytest.raises(ValueError, match="'sofa' is no level of device_type"):
        odds_ratios(frame, frame["is_clicked"], benchmark.IMPRESSION_FEATURES, references={"device_type": "sofa"})
    assert odds_ratios(frame, np.zeros(3_000), benchmark.IMPRESSION_FEATURES).empty


# Splits and training -------------------------------------------------------------------------------


def test_no_customer_and_no_moment_is_in_training_and_test(impressions) -> None:
    times, customers = impressions["shown_on"], impressions["customer_id"]
    train, test = time_customer_split(times, customers)
    assert not set(customers[train]) & set(customers[test])
    assert times[train].max() < times[test].min()
    assert (times >= times[test].min()).mean() == pytest.approx(0.2, abs=0.01)
    assert customers[test].nunique() / customers.nunique() == pytest.approx(0.25, abs=0.03)
    # The same customers whatever the order of rows.
    shuffled = impressions.sample(frac=1, random_state=0)
    assert set(shuffled["customer_id"][time_customer_split(shuffled["shown_on"], shuffled["customer_id"])[1]]) == set(
        customers[test]
    )
    assert stable_fraction(["C1", 7, 7.0])[1] == stable_fraction(["7"])[0]


def test_splits_with_one_dimension_only() -> None:
    day, customers = np.arange(100), np.arange(100).astype(str)
    train, test = time_customer_split(day, None)
    assert (train.sum(), test.sum()) == (80, 20) and day[train].max() < day[test].min()
    for times in (None, np.zeros(100)):  # no time, a snapshot
        train, test = time_customer_split(times, customers)
        assert (train ^ test).all() and 10 < test.sum() < 40
    train, test = time_customer_split(np.r_[np.zeros(50), np.ones(50)], None)  # the last day is half of all
    assert test.tolist() == [False] * 50 + [True] * 50
    train, test = time_customer_split(np.zeros(5), None)
    assert train.all() and not test.any()
    with pytest.raises(ValueError, match="needs a time or a customer"):
        time_customer_split(None, None)


def test_click_model_ranks_as_well_as_the_planted_odds(impressions, clicks) -> None:
    held = clicks.test
    (planted, found), _ = delong(
        held["target"],
        np.column_stack([impressions.loc[held.index, "click_probability"], held[clicks.champion]]),
    )
    assert clicks.champion == "logistic"
    assert found == pytest.approx(planted, abs=0.01)
    metrics = by_name(clicks.metrics["logistic"])
    assert metrics["roc_auc"].ci_low <= planted <= metrics["roc_auc"].ci_high
    assert metrics["log_loss_gain"].ci_low > 0
    assert metrics["expected_calibration_error"].value < 0.02
    # Balanced classes: no better, and no worse for its corrected probabilities.
    balanced = by_name(clicks.metrics["logistic_balanced"])
    assert balanced["log_loss"].value == pytest.approx(metrics["log_loss"].value, abs=0.003)


def test_odds_ratios_of_the_click_model_hold_most_planted_ones(clicks) -> None:
    inside = benchmark.covered(clicks.coefficients)
    assert len(inside) == 17 and inside.sum() >= 14
    mobile = clicks.coefficients.query("feature == 'device_type' and level == 'mobile'").iloc[0]
    assert mobile["odds_ratio"] == pytest.approx(np.exp(0.9), rel=0.35) and mobile["reference"] == "tablet"


def test_shuffled_labels_tell_nothing(impressions) -> None:
    rng = np.random.default_rng(0)
    frame = impressions.assign(is_clicked=rng.permutation(impressions["is_clicked"]))
    trained = train_candidates(
        frame, "is_clicked", benchmark.IMPRESSION_FEATURES, "shown_on", "customer_id", candidates=("logistic",)
    )
    auc = by_name(trained.metrics["logistic"])["roc_auc"]
    assert auc.ci_low < 0.5 < auc.ci_high
    assert trained.champion == "constant"


def test_simpler_of_two_that_are_as_good(clicks) -> None:
    table = clicks.comparison.set_index("candidate")
    assert table.loc["logistic", "is_tied"] and not table.loc["constant", "is_tied"]
    assert table["excess"].min() == 0
    assert (table["is_tied"] == (table["excess"] <= table["standard_error"])).all()
    assert clicks.champion == table.index[table["is_tied"]][0]
    assert clicks.model is clicks.candidates["logistic"]


def test_a_curved_effect_makes_the_trees_champion() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.uniform(-1, 1, 6_000), "day": rng.integers(0, 50, 6_000)})
    frame["y"] = (rng.uniform(size=6_000) < np.where(frame["x"].abs() > 0.5, 0.8, 0.1)).astype(int)
    trained = train_candidates(frame, "y", Features(("x",)), "day", None, candidates=QUICK)
    assert trained.champion == "gradient_boosting"


def test_the_penalty_follows_the_data() -> None:
    """Sixty columns of noise and few rows want a strong penalty, three strong features and many rows a weak one."""
    rng = np.random.default_rng(0)
    noise = pd.DataFrame(rng.normal(size=(600, 60))).add_prefix("x")
    y = (rng.uniform(size=600) < expit(0.3 * noise["x0"])).astype(int).to_numpy()
    day = np.arange(600)
    assert choose_c(noise, y, Features(tuple(noise)), day, None) <= 0.01
    clear = (rng.uniform(size=600) < expit(3 * noise["x0"] - 3 * noise["x1"])).astype(int).to_numpy()
    assert choose_c(noise, clear, Features(("x0", "x1")), day, None) >= 1
    # What other customers did in the days to be predicted is not known yet, and before them all was noise.
    turned = np.where(day >= 450, clear, rng.permutation(clear))
    customers = rng.integers(0, 60, 600)
    assert choose_c(noise, turned, Features(("x0", "x1")), day, customers) <= 0.01
    # Too few positives to validate with.
    assert choose_c(noise, (day < 5).astype(int), Features(("x0",)), day, None) == DEFAULT_C


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (Features(("target",)), "target is the target"),
        (Features(("day",)), "day is the time column"),
        (Features(("age",), ("customer",)), "customer is the customer column"),
        (Features(("age", "age")), "declared twice: age"),
        (Features(("height",)), "absent: height"),
    ],
)
def test_features_that_would_leak_are_refused(features, message) -> None:
    with pytest.raises(ValueError, match=message):
        train_candidates(small(), "target", features, "day", "customer")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": 2}, "target must be 0 or 1"),
        ({"target": None}, "target holds missing values"),
        ({"day": None}, "day holds missing values"),
        ({"customer": None}, "customer holds missing values"),
    ],
)
def test_unusable_rows_are_refused(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        train_small(small().assign(**change))
    with pytest.raises(ValueError, match="no rows to train on"):
        train_small(small().head(0))


@pytest.mark.parametrize("label", [0, 1])
def test_no_clicks_and_nothing_but_clicks(label) -> None:
    trained = train_small(small().assign(target=label))
    assert trained.champion == "constant" and list(trained.candidates) == ["constant"]
    assert set(trained.skipped) == set(QUICK) and "one class" in trained.skipped["logistic"]
    n = trained.rows["train"]
    expected = (n * label + 0.5) / (n + 1)
    np.testing.assert_allclose(trained.model.predict_proba(small())[:, 1], expected)
    assert "roc_auc" not in by_name(trained.metrics["constant"])
    assert trained.coefficients.empty


def test_one_row_is_a_constant_without_metrics() -> None:
    trained = train_small(small().head(1).assign(target=1))
    assert trained.champion == "constant" and trained.metrics == {"constant": []}
    assert trained.rows == {"train": 1, "test": 0, "unused": 0}
    assert trained.model.predict_proba(small().head(1))[0, 1] == 0.75


def test_features_that_say_nothing() -> None:
    """Constant, or missing everywhere."""
    trained = train_small(small().assign(age=np.nan, views_30d=3.0, device_type="mobile"))
    assert trained.champion == "constant" and "constant in training" in trained.skipped["logistic"]
    partly = train_small(small().assign(age=np.nan))
    assert set(partly.candidates) == {"constant", *QUICK}
    assert "age" not in set(partly.coefficients["feature"])


def test_metrics_do_not_depend_on_the_order_of_rows() -> None:
    frame = small(2_000)
    once, again = train_small(frame, C=0.1), train_small(frame.sample(frac=1, random_state=0), C=0.1)
    pd.testing.assert_frame_equal(once.comparison, again.comparison)
    pd.testing.assert_frame_equal(once.coefficients, again.coefficients)


# Gender --------------------------------------------------------------------------------------------


def shares(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Shares of five categories in eight views each, whose weights are those of the sex; gender; true chance."""
    rng = np.random.default_rng(seed)
    female = rng.uniform(size=n) < 0.6
    weights = np.where(female[:, None], [0.35, 0.2, 0.2, 0.15, 0.1], [0.1, 0.15, 0.2, 0.2, 0.35])
    counts = np.array([rng.multinomial(8, row) for row in weights])
    ratio = np.log([3.5, 4 / 3, 1, 3 / 4, 1 / 3.5])
    truth = expit(logit(0.6) + counts @ ratio)
    frame = pd.DataFrame(counts / 8, columns=["womenswear", "beauty", "home", "sports", "menswear"])
    return frame, np.where(female, "female", "male").astype(object), truth


def test_gender_is_as_good_as_the_true_chance_and_calibrated() -> None:
    train, gender, _ = shares(3_000, 0)
    gender[::3] = None  # not given
    test, actual, truth = shares(3_000, 1)
    model = GenderModel(tuple(train)).fit(train, gender)
    chance = model.predict_proba(test)[:, 0]
    is_female = (actual == "female").astype(int)
    found = by_name(evaluate(is_female, chance))
    assert found["roc_auc"].value == pytest.approx(roc_auc_score(is_female, truth), abs=0.01)
    assert np.abs(chance - truth).mean() < 0.03
    assert found["expected_calibration_error"].value < 0.04
    accuracy = (model.predict(test) == actual).mean()
    assert accuracy == pytest.approx(((truth > 0.5) == is_female).mean(), abs=0.015)
    assert accuracy > is_female.mean() + 0.1  # everybody a woman
    assert model.classes_.tolist() == ["female", "male"]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(test), model.predict_proba(test))


def test_calibration_is_chosen_where_it_helps() -> None:
    """A penalty far too strong leaves all scores near the average; a sigmoid stretches them again."""
    train, gender, _ = shares(1_500, 0)
    test, actual, _ = shares(1_500, 1)
    is_female = (actual == "female").astype(int)
    flat = GenderModel(tuple(train), C=1e-4, calibration="none").fit(train, gender)
    chosen = GenderModel(tuple(train), C=1e-4).fit(train, gender)
    assert chosen.calibration_ in ("sigmoid", "isotonic")
    before, after = (log_loss(is_female, model.predict_proba(test)[:, 0]) for model in (flat, chosen))
    assert after < before - 0.05


def test_gender_with_little_to_go_by() -> None:
    train, gender, _ = shares(200, 0)
    features = tuple(train)
    one = GenderModel(features).fit(train, np.full(200, "female"))
    assert one.predict_proba(train)[0, 0] == pytest.approx(200.5 / 201)
    model = GenderModel(features).fit(train, gender)
    nothing = pd.DataFrame({name: [np.nan] for name in features})
    assert model.predict_proba(nothing)[0, 0] == pytest.approx((gender == "female").mean(), abs=0.1)
    assert model.predict_proba(train.head(0)).shape == (0, 2)
    assert GenderModel(features).fit(train.head(12), gender[:12]).calibration_ == "none"
    with pytest.raises(ValueError, match="not F, 女"):
        GenderModel(features).fit(train, np.r_[gender[:198], ["F", "女"]])
    with pytest.raises(ValueError, match="no row has a known gender"):
        GenderModel(features).fit(train, [None] * 200)
    with pytest.raises(ValueError, match="calibration must be"):
        GenderModel(features, calibration="magic").fit(train, gender)


# Explanations --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["logistic", "logistic_balanced", "random_forest"])
def test_contributions_add_up_to_the_score(name) -> None:
    frame = small(1_000)
    model = make_model(name, SMALL).fit(frame, frame["target"])
    rows = pd.concat([frame.head(200), frame.head(1).assign(device_type="watch")])
    values, base = contributions(model, rows)
    np.testing.assert_allclose(base + values.sum(axis=1), logit(model.predict_proba(rows)[:, 1]), atol=1e-8)


def test_exact_contributions_are_relative_to_the_average_row() -> None:
    frame = small(1_000)
    model = make_model("logistic", SMALL).fit(frame, frame["target"])
    values, _ = contributions(model, frame)
    np.testing.assert_allclose(values.mean(), 0, atol=1e-10)
    slope = scorecard(model)["numeric"]["views_30d"]["per_unit"]
    expected = slope * (frame["views_30d"] - frame["views_30d"].mean())
    np.testing.assert_allclose(values["views_30d"], expected, atol=1e-10)


@pytest.mark.parametrize("name", ["random_forest", "gradient_boosting", "random_forest_calibrated"])
def test_contributions_of_trees_find_what_drives_the_score(name) -> None:
    """Additive planted log odds: the contribution follows the planted one, and noise gets next to nothing."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(3_000, 3)), columns=["up", "down", "noise"])
    y = (rng.uniform(size=3_000) < expit(1.5 * frame["up"] - frame["down"])).astype(int)
    model = make_model(name, Features(tuple(frame))).fit(frame, y)
    values, _ = contributions(model, frame)
    assert np.corrcoef(values["up"], frame["up"])[0, 1] > 0.8
    assert np.corrcoef(values["down"], frame["down"])[0, 1] < -0.8
    assert values["noise"].std() < 0.35 * values["down"].std()


def test_replacement_leaves_the_typical_row_without_reasons() -> None:
    frame = small(1_000)
    model = make_model("gradient_boosting", SMALL).fit(frame, frame["target"])
    typical = pd.DataFrame([model["encoder"].typical_])
    values, base = contributions(model, typical)
    assert (values == 0).all(axis=None)
    assert base == pytest.approx(logit(model.predict_proba(typical)[0, 1]))
    assert explain(model, typical).empty


def test_reasons_in_plain_words() -> None:
    frame = small(1_000)
    model = make_model("logistic", SMALL).fit(frame, frame["target"])
    rows = pd.DataFrame(
        {"age": [40.0, np.nan, 61.5], "views_30d": [12, 3, 3], "device_type": ["desktop", "watch", None]},
        index=["C1", "C2", "C3"],
    )
    found = explain(model, rows, top=3, labels={"age": "age in years"}).set_index(["row", "feature"])
    assert found.loc[("C1", "views_30d"), ["rank", "reason"]].tolist() == [1, "views in 30 days: 12 (typical 3)"]
    assert found.loc[("C1", "views_30d"), "contribution"] > 0 > found.loc[("C1", "device_type"), "contribution"]
    assert found.loc[("C1", "device_type"), "reason"] == "device type is desktop"
    assert found.loc[("C2", "device_type"), "reason"] == "device type is watch (new to the model)"
    assert found.loc[("C2", "age"), "reason"] == "age in years is unknown"
    typical = frame["age"].median()
    assert found.loc[("C3", "age"), "reason"] == f"age in years: 61.5 (typical {typical:.3g})"
    assert found.loc[("C3", "device_type"), "reason"] == "device type is unknown"
    strength = found["contribution"].abs().groupby(level="row")
    assert strength.apply(lambda values: values.is_monotonic_decreasing).all()
    assert (explain(model, rows, top=1)["rank"] == 1).all()
    assert explain(model, rows.head(0)).columns.tolist() == ["row", "rank", "feature", "contribution", "reason"]
    constant = make_model("constant", SMALL).fit(frame, frame["target"])
    assert explain(constant, rows).empty


def test_reasons_for_a_gender() -> None:
    frame, gender, _ = shares(1_000, 0)
    model = GenderModel(tuple(frame)).fit(frame, gender)
    row = pd.DataFrame({"womenswear": [1.0], "beauty": [0.0], "home": [0.0], "sports": [0.0], "menswear": [0.0]})
    first = explain(model, row).iloc[0]
    assert first["feature"] == "womenswear" and first["contribution"] > 0
    assert first["reason"] == "womenswear: 1 (typical 0.25)"


# Real data -----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")  # numbers that are not standardised: the baseline
def test_bank_marketing_forest_beats_the_naive_logistic(shared_data) -> None:
    """One fold; benchmarks/classification.py has ten, and boosting. Published: 0.794."""
    frame, features = benchmark.load_bank(shared_data)
    assert frame.shape == (41_188, 20) and frame["y"].sum() == 4_640 and "duration" not in frame
    train, test = train_test_split(frame.sample(20_000, random_state=0), test_size=0.4, random_state=0)
    naive = benchmark.naive_model(LogisticRegression(), features)
    scores = np.column_stack([
        model.fit(train[[*features.numeric, *features.categorical]], train["y"]).predict_proba(test)[:, 1]
        for model in (make_model("random_forest", features), naive)
    ])  # fmt: skip
    (forest, logistic), covariance = delong(test["y"], scores)
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert forest - logistic > 1.96 * error
    assert forest > 0.78
    assert by_name(evaluate(test["y"], scores[:, 0], train["y"].mean()))["log_loss_gain"].ci_low > 0


@pytest.mark.parametrize(("policy", "clicked"), [("random", 46), ("bts", 69)])
def test_open_bandit_cannot_tell_the_click_model_from_the_constant_rate(shared_data, policy, clicked) -> None:
    frame, features = benchmark.load_bandit(shared_data, policy)
    assert frame["click"].sum() == clicked and len(frame) == 10_000
    y, score, constant = benchmark.forward_scores(frame, features, "click", "logistic")
    gain = by_name(evaluate(y, score, constant))["log_loss_gain"]
    assert gain.ci_low < 0 < gain.ci_high
    trained = train_candidates(frame, "click", features, "timestamp", None, candidates=("logistic",))
    assert trained.champion == "constant"
