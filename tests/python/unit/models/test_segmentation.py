"""Customer segments: the mathematics on frames with a known truth, and the models on Spark."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import adjusted_rand_score

from planted_segments import PLANTED, STRATEGIES, buyers, plant
from precision_marketing.models import segmentation as sg


def rfm_cell_groups(frame, groups=5):
    """The baseline: quintile scores of R, F and M added up, cut into groups of equal size."""

    def score(values):
        return np.ceil(values.rank(method="first", pct=True) * 5)

    total = score(-frame["recency_days"]) + score(frame["frequency"]) + score(frame["monetary"])
    return np.ceil(total.rank(method="first", pct=True) * groups)


@pytest.fixture(scope="module")
def planted():
    return plant()


@pytest.fixture(scope="module")
def fitted(planted):
    return sg.KMeansSegmenter(5, STRATEGIES).fit(planted)


# Features


def test_negative_values_count_as_zero():
    logs = sg.log_features(buyers([(3, 1, -20, -5), (3, 1, 0, 0)]))
    assert (logs[0] == logs[1]).all()
    assert logs[0].tolist() == [np.log(4), np.log(2), 0, 0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, None])
def test_missing_values_are_named(planted, bad):
    frame = planted.astype({"clv": object})
    frame.loc[[3, 5], "clv"] = bad
    with pytest.raises(ValueError, match=r"missing or infinite values: clv \(2\)"):
        sg.KMeansSegmenter(3, STRATEGIES).fit(frame)
    with pytest.raises(ValueError, match="clv"):
        sg.select_k(frame)


def test_absent_column_is_named(planted):
    with pytest.raises(ValueError, match="absent: clv"):
        sg.log_features(planted.drop(columns="clv"))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scoring_refuses_missing_values(planted, fitted, bad):
    with pytest.raises(ValueError, match="missing or infinite"):
        fitted.predict(planted.head(3).assign(monetary=bad))


# Number of segments


@pytest.mark.parametrize("seed", range(3))
def test_five_planted_segments_are_found(seed):
    frame = plant(seed=seed)
    selection = sg.select_k(frame)
    assert selection["k"].tolist() == list(range(1, 11))
    assert selection.loc[selection["chosen"], "k"].tolist() == [5]
    assert np.isnan(selection["silhouette"][0])
    assert selection["silhouette"][1:].between(-1, 1).all()
    assert (selection["wcss"].diff()[1:] < 0).all()
    # Standardised: all of the variance, 1 for each feature and customer, less what +-3 holds back.
    assert selection["wcss"][0] == pytest.approx(4 * len(frame), rel=0.01)


def test_choice_is_the_best_silhouette_from_the_elbow_upwards():
    wcss = [100, 60, 30, 20, 15, 12]
    nan = np.nan
    assert sg.find_elbow(wcss) == 2
    assert sg.choose_k(wcss, [nan, 0.9, 0.5, 0.6, 0.7, 0.4]) == 4
    assert sg.choose_k(wcss, [nan, 0.9, 0.5, 0.6, 0.6, nan]) == 3
    assert sg.choose_k(wcss, [nan, 0.9, nan, nan, nan, nan]) == 0


def test_elbow_of_a_known_curve():
    assert sg.find_elbow([100, 40, 20, 15, 12, 10]) == 2
    assert sg.find_elbow([5, 5, 5]) == 0
    assert sg.find_elbow([9, 4]) == 0
    assert sg.find_elbow([9]) == 0


def test_fixed_segment_count(planted):
    selection = sg.select_k(planted, segment_count=7)
    assert selection.loc[selection["chosen"], "k"].tolist() == [7]
    assert len(selection) == 10


@pytest.mark.parametrize("value", [None, "None", "", " none ", "null"])
def test_segment_count_unset(value):
    assert sg.parse_segment_count(value) is None


def test_segment_count_set():
    assert sg.parse_segment_count("5") == 5
    assert sg.parse_segment_count(10) == 10


@pytest.mark.parametrize("value", ["five", "2.5", 0, 11, "-3", True])
def test_segment_count_refused(value):
    with pytest.raises(ValueError, match="segment_count must be a whole number from 1 to 10"):
        sg.parse_segment_count(value)


def test_selection_without_buyers(planted):
    empty = sg.select_k(planted.head(0))
    assert len(empty) == 0
    assert list(empty.columns) == ["k", "wcss", "silhouette", "is_elbow", "chosen"]
    assert len(sg.select_k(buyers([(300, 0, 0, 0)] * 4))) == 0


@pytest.mark.parametrize(
    ("rows", "ks"),
    [
        ([(5, 1, 10, 10)], 1),
        ([(5, 1, 10, 10)] * 6, 1),
        ([(5, 1, 10, 10), (50, 9, 900, 500)], 2),
    ],
)
def test_fewer_than_three_different_buyers_are_one_segment(rows, ks):
    selection = sg.select_k(buyers(rows))
    assert len(selection) == ks
    assert selection.loc[selection["chosen"], "k"].tolist() == [1]
    assert selection["silhouette"].isna().all()


def test_k_is_capped_at_the_number_of_different_buyers():
    frame = buyers([(5, 1, 10, 10), (50, 9, 900, 500), (200, 2, 40, 20)] * 4)
    selection = sg.select_k(frame, segment_count=8)
    assert selection["k"].tolist() == [1, 2, 3]
    assert selection.loc[selection["chosen"], "k"].tolist() == [3]
    segmenter = sg.KMeansSegmenter(8, STRATEGIES).fit(frame)
    assert len(segmenter.segment_ids_) == 3
    assert segmenter.distance(frame) == pytest.approx(np.zeros(12))


def test_ks_must_start_at_one(planted):
    with pytest.raises(ValueError, match="range from 1"):
        sg.select_k(planted, ks=range(2, 5))


# Segments


@pytest.mark.parametrize("seed", range(3))
def test_planted_segments_come_back_with_their_names(seed):
    frame = plant(seed=seed)
    segmenter = sg.KMeansSegmenter(5, STRATEGIES).fit(frame)
    found = segmenter.predict(frame)
    agreement = adjusted_rand_score(frame["planted"], found)
    assert agreement > 0.9
    assert agreement > adjusted_rand_score(frame["planted"], rfm_cell_groups(frame)) + 0.3
    for blob, (*_, segment_id) in enumerate(PLANTED):
        assert (found[frame["planted"] == blob] == segment_id).mean() > 0.9


def test_centroids_are_in_original_units(planted, fitted):
    for blob, (*_, segment_id) in enumerate(PLANTED):
        medians = planted.loc[planted["planted"] == blob, list(sg.FEATURES)].median()
        assert fitted.centroids_.loc[segment_id].to_numpy() == pytest.approx(medians.to_numpy(), rel=0.25)


def test_order_of_rows_changes_nothing(planted, fitted):
    shuffled = sg.KMeansSegmenter(5, STRATEGIES).fit(planted.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(shuffled.centroid_table(), fitted.centroid_table(), check_exact=True)
    again = sg.select_k(planted.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(again, sg.select_k(planted), check_exact=True)


def test_a_small_change_of_the_data_keeps_the_segments(planted, fitted):
    rng = np.random.default_rng(4)
    changed = planted.copy()
    changed["recency_days"] += 1  # a day later,
    changed["monetary"] *= rng.lognormal(0, 0.02, len(changed))
    changed = changed.sample(frac=0.95, random_state=5)  # and not all the same customers
    before = fitted.predict(planted.loc[changed.index])
    after = sg.KMeansSegmenter(5, STRATEGIES).fit(changed).predict(changed)
    assert (before == after).mean() > 0.98


def test_prospects_are_outside_kmeans(planted, fitted):
    prospects = buyers([(400, 0, 0, 0)] * 500).assign(customer_id=[f"p{i}" for i in range(500)])
    mixed = sg.KMeansSegmenter(5, STRATEGIES).fit(pd.concat([planted, prospects], ignore_index=True))
    assert (mixed.z_centroids_ == fitted.z_centroids_).all()
    assert (mixed.predict(prospects) == sg.PROSPECTS).all()
    assert np.isnan(mixed.distance(prospects)).all()
    assert (mixed.predict(planted) != sg.PROSPECTS).all()


def test_distance_is_to_the_nearest_centroid(planted, fitted):
    logs = np.log1p(planted[list(sg.FEATURES)].to_numpy())
    points = np.clip((logs - logs.mean(axis=0)) / logs.std(axis=0), -3, 3)
    distances = np.linalg.norm(points[:, None] - fitted.z_centroids_[None], axis=2)
    assert fitted.distance(planted) == pytest.approx(distances.min(axis=1))
    assert (fitted.predict(planted) == fitted.segment_ids_[distances.argmin(axis=1)]).all()


def test_constant_features_do_not_matter(planted):
    constant = planted.assign(recency_days=7.0)
    segmenter = sg.KMeansSegmenter(3, STRATEGIES).fit(constant)
    assert np.isfinite(segmenter.z_centroids_).all()
    assert segmenter.z_centroids_[:, 0] == pytest.approx(np.zeros(3), abs=1e-12)
    assert segmenter.centroids_["recency_days"].to_numpy() == pytest.approx([7] * 3)


def test_a_few_odd_accounts_make_no_segment(planted):
    odd = buyers([(1, 1e6, 1e12, 1e12)] * 20).assign(customer_id=[f"z{i}" for i in range(20)])
    segmenter = sg.KMeansSegmenter(5, STRATEGIES).fit(pd.concat([planted, odd], ignore_index=True))
    assert np.bincount(segmenter.predict(planted))[segmenter.segment_ids_].min() > 200


def test_one_buyer_is_one_segment():
    frame = buyers([(5, 1, 10, 40)])
    segmenter = sg.KMeansSegmenter(1, STRATEGIES).fit(frame)
    assert segmenter.predict(frame).tolist() == segmenter.segment_ids_.tolist()
    assert segmenter.centroids_.iloc[0].tolist() == pytest.approx([5, 1, 10, 40])
    assert segmenter.distance(frame).tolist() == [0]


def test_no_buyers_no_centroids(planted):
    prospects = buyers([(400, 0, 0, 0)] * 3)
    segmenter = sg.KMeansSegmenter(1, STRATEGIES).fit(prospects)
    assert segmenter.predict(prospects).tolist() == [0, 0, 0]
    assert segmenter.centroid_table()["segment_id"].tolist() == [sg.PROSPECTS]
    assert len(segmenter.predict(planted.head(0))) == 0
    with pytest.raises(ValueError, match="fitted without any"):
        segmenter.predict(planted)


def test_centroid_table_holds_all_that_scoring_needs(planted, fitted):
    table = fitted.centroid_table()
    assert table["segment_id"].tolist() == [0, 1, 4, 6, 8, 10]
    assert table["segment_name"].is_unique
    assert table["strategy"].notna().all()
    restored = sg.KMeansSegmenter.from_centroid_table(table.sample(frac=1, random_state=0))
    assert (restored.predict(planted) == fitted.predict(planted)).all()
    pd.testing.assert_frame_equal(restored.centroids_, fitted.centroids_)
    table.at[2, "log_mean"] = [0.0] * 4
    with pytest.raises(ValueError, match="do not share one scale"):
        sg.KMeansSegmenter.from_centroid_table(table)


def test_n_segments_must_be_positive(planted):
    with pytest.raises(ValueError, match="at least 1"):
        sg.KMeansSegmenter(0, STRATEGIES).fit(planted)


# Names


def test_two_centroids_never_share_a_name():
    champions = STRATEGIES.set_index("segment_id").loc[1, ["recency", "frequency", "monetary"]].tolist()
    crowd = np.array([[*champions, 0]] * 10) + np.linspace(0, 0.1, 10)[:, None]
    ids = sg.assign_archetypes(crowd, STRATEGIES)
    assert sorted(ids) == list(range(1, 11))


def test_every_archetype_gets_its_own_name():
    own = STRATEGIES[STRATEGIES["segment_id"] > 0].sample(frac=1, random_state=1)
    z_centroids = own[["recency", "frequency", "monetary"]].assign(clv=9.0).to_numpy()
    assert sg.assign_archetypes(z_centroids, STRATEGIES).tolist() == own["segment_id"].tolist()


def test_strategies_that_cannot_serve(planted):
    few = STRATEGIES[STRATEGIES["segment_id"] <= 3]
    with pytest.raises(ValueError, match="4 segments need as many archetypes, segment_strategies has 3"):
        sg.KMeansSegmenter(4, few).fit(planted)
    with pytest.raises(ValueError, match="no row for prospects"):
        sg.KMeansSegmenter(4, STRATEGIES[STRATEGIES["segment_id"] > 0]).fit(planted)
    with pytest.raises(ValueError, match="twice"):
        sg.KMeansSegmenter(4, STRATEGIES.replace({"segment_id": {2: 1}})).fit(planted)


def test_seed_serves_every_number_of_segments():
    assert STRATEGIES["segment_id"].tolist() == list(range(sg.MAX_SEGMENTS + 1))
    assert STRATEGIES.notna().all(axis=None)
    for name in ("segment_name", "segment_name_zh", "strategy"):
        assert STRATEGIES[name].is_unique


# Validation


def moments_of(groups):
    return [[f(g) for g in groups] for f in (len, np.mean, lambda g: np.var(g, ddof=1) if len(g) > 1 else np.nan)]


@pytest.mark.parametrize("shift", [0.0, 0.1, 1.0, 20.0])
def test_anova_equals_scipy(shift):
    rng = np.random.default_rng(7)
    groups = [rng.lognormal(1, 1, n) + shift * i for i, n in enumerate((40, 7, 1, 300))]
    result = sg.one_way_anova(*moments_of(groups))
    f_value, p_value = stats.f_oneway(*groups)
    assert result.f_value == pytest.approx(f_value, rel=1e-9)
    assert result.p_value == pytest.approx(p_value, rel=1e-9)
    assert result.significant == (p_value < 0.05)
    everything = np.concatenate(groups)
    within = sum(((g - g.mean()) ** 2).sum() for g in groups)
    total = ((everything - everything.mean()) ** 2).sum()
    assert result.eta_squared == pytest.approx(1 - within / total, rel=1e-9)


@pytest.mark.parametrize("groups", [[], [[1, 2, 3]], [[4, 4], [4, 4]], [[1], [2], [3]]])
def test_anova_that_is_not_defined(groups):
    assert sg.one_way_anova(*moments_of(groups)) == (None, None, None, False)


def test_anova_of_groups_that_do_not_vary_inside():
    assert sg.one_way_anova(*moments_of([[1, 1], [2, 2]])) == (np.inf, 0.0, 1.0, True)


def test_anova_ignores_empty_groups():
    groups = [[1, 2, 3], [3, 4, 6]]
    counts, means, variances = moments_of(groups)
    with_empty = sg.one_way_anova([*counts, 0], [*means, np.nan], [*variances, np.nan])
    assert with_empty == sg.one_way_anova(counts, means, variances)


# Where it scores


def test_scorer_runs_where_the_package_is_not_installed(planted, fitted, tmp_path):
    from pyspark import cloudpickle

    (tmp_path / "scorer").write_bytes(cloudpickle.dumps((fitted.scorer(), planted.head(50))))
    code = (
        "import pickle, sys; sys.modules['precision_marketing'] = None\n"
        f"score, frame = pickle.load(open({str(tmp_path / 'scorer')!r}, 'rb'))\n"
        "print(*score(frame)['segment_id'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [int(word) for word in done.stdout.split()] == fitted.predict(planted.head(50)).tolist()
