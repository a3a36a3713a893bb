"""Recommendations: by hand, by planted tastes, on real baskets."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import ndcg_score

from precision_marketing.models import recommendations
from precision_marketing.models.ranking import (
    bootstrap_interval,
    choose_model,
    coverage,
    evaluate,
    explicit_split,
    families,
    ndcg_at_k,
    recall_at_k,
)
from precision_marketing.models.recommendations import (
    EASE,
    RECOMMENDATION_COLUMNS,
    ContentModel,
    ItemPearson,
    Popularity,
    ShrunkCosine,
    interaction_matrix,
    recommend,
)

MODELS = [EASE(1.0), ShrunkCosine(), ItemPearson(), Popularity()]
ITEM_MODELS = MODELS[:3]
TASTES, PER_TASTE, PREFERENCE = 6, 40, 8.0


def name_of(model) -> str:
    return type(model).__name__


def history_of(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "product_id", "strength"])


def purchases(baskets: dict[str, str]) -> pd.DataFrame:
    """A purchase of each letter by each customer."""
    return history_of(*((customer, letter, 2) for customer, letters in baskets.items() for letter in letters))


def lists(recommended: pd.DataFrame) -> dict[str, str]:
    """The letters that each customer is recommended, in order of rank."""
    return recommended.groupby("customer_id")["product_id"].agg("".join).to_dict()


def dense(history: pd.DataFrame) -> pd.DataFrame:
    """The history as a table of customers and products, a purchase as 1."""
    return history.pivot_table(
        index="customer_id", columns="product_id", values="strength", aggfunc="max", fill_value=0
    ) / 2.0  # fmt: skip


def table_of(model) -> pd.DataFrame:
    """The similarities as a square table, 0 where there is none."""
    pairs = model.similarities().pivot(index="product_id", columns="neighbour_id", values="similarity")
    return pairs.reindex(index=model.product_ids_, columns=model.product_ids_).fillna(0)


def random_history(customers: int, products: int, seed: int = 0, share: float = 0.3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    strength = rng.integers(1, 3, (customers, products)) * (rng.uniform(size=(customers, products)) < share)
    row, column = strength.nonzero()
    columns = {"customer_id": [f"c{i:04}" for i in row], "product_id": [f"p{i:04}" for i in column]}
    return pd.DataFrame({**columns, "strength": strength[row, column]})


@pytest.fixture(scope="module")
def tastes() -> pd.DataFrame:
    """900 customers of six tastes, each with 12 purchases; products of the own taste are 8 times as likely.

    Product p017 is of taste 17 % 6; products differ in popularity (log-normal), as in a shop.
    """
    rng = np.random.default_rng(7)
    products = TASTES * PER_TASTE
    appeal = rng.lognormal(0, 1, products)
    rows = []
    for customer in range(900):
        weight = appeal * np.where(np.arange(products) % TASTES == customer % TASTES, PREFERENCE, 1)
        bought = rng.choice(products, 12, replace=False, p=weight / weight.sum())
        rows += [(f"c{customer:03}", f"p{product:03}", 2) for product in bought]
    return history_of(*rows)


def taste(products: pd.Series) -> pd.Series:
    return products.str[1:].astype(int) % TASTES


# The models against their definitions ----------------------------------------------------------------


def test_cosine_is_the_cosine() -> None:
    history = random_history(50, 8)
    model = ShrunkCosine(0.0, inverse_user_frequency=False).fit(history)
    matrix = dense(history).to_numpy()
    norms = np.linalg.norm(matrix, axis=0)
    expected = matrix.T @ matrix / np.outer(norms, norms)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(table_of(model), expected, atol=1e-12)


def test_shrinkage_and_user_frequency_by_hand() -> None:
    """Three customers have a and b, one of them everything; n / (n + 3) halves the cosine of a and b."""
    history = purchases({"1": "ab", "2": "ab", "3": "abcd"})
    plain = table_of(ShrunkCosine(3.0, inverse_user_frequency=False).fit(history))
    assert plain.loc["a", "b"] == pytest.approx(1 * 3 / 6)
    assert plain.loc["a", "c"] == pytest.approx(1 / np.sqrt(3) * 1 / 4)
    weights = np.log(5 / np.array([2, 2, 4]))
    weighted = table_of(ShrunkCosine(0.0).fit(history))
    assert weighted.loc["a", "c"] == pytest.approx(weights[2] / np.linalg.norm(weights))
    assert weighted.loc["a", "c"] < 1 / np.sqrt(3)


def test_pearson_is_the_correlation() -> None:
    history = random_history(60, 8, seed=1)
    expected = np.corrcoef(dense(history).to_numpy().T)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(table_of(ItemPearson().fit(history)), np.maximum(expected, 0), atol=1e-12)


def test_ease_solves_its_problem() -> None:
    """Each column of the weights is the ridge regression of its product on all others, which is what EASE minimises."""
    history = random_history(60, 8, seed=2)
    found = table_of(EASE(3.0).fit(history)).to_numpy()
    matrix = dense(history).to_numpy()
    for product in range(8):
        others = np.delete(np.arange(8), product)
        gram = matrix[:, others].T @ matrix[:, others] + 3.0 * np.eye(7)
        expected = np.linalg.solve(gram, matrix[:, others].T @ matrix[:, product])
        np.testing.assert_allclose(found[others, product], expected, atol=1e-10)
    assert (np.diag(found) == 0).all()


def test_of_too_many_products_ease_learns_those_with_the_most_interactions() -> None:
    history = random_history(60, 12, seed=2)
    model = EASE(3.0, max_products=5).fit(history)
    known = pd.Series(model.popularity_, model.product_ids_).nlargest(5).index
    assert model.left_out_ == 7 and set(model.similarities()["product_id"]) == set(known)
    alone = EASE(3.0).fit(history[history["product_id"].isin(known)])
    expected, found = table_of(alone).loc[known, known], table_of(model).loc[known, known]
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert len(recommend(history, model, 12)) == len(recommend(history, EASE(3.0).fit(history), 12)), (
        "the rest is popular"
    )


def test_ease_keeps_as_many_neighbours_as_fit(monkeypatch) -> None:
    history = random_history(60, 12, seed=2)
    whole = EASE(3.0).fit(history)
    assert isinstance(whole.weights_, np.ndarray) and (np.count_nonzero(whole.weights_, axis=1) == 11).all()
    monkeypatch.setattr(recommendations, "WEIGHT_BYTES", 12 * 12 * 4)
    few = EASE(3.0).fit(history)
    assert few.similarities().groupby("product_id").size().eq(4).all()
    pd.testing.assert_frame_equal(few.similarities(), EASE(3.0, top_k=4).fit(history).similarities())


def test_a_trend_counts_from_the_newest_day_of_all() -> None:
    history = purchases({"1": "ab", "2": "b"}).assign(age_days=[10.0, 0.0, 20.0])
    own = interaction_matrix(history, pd.Index(["1", "2"]), pd.Index(["a", "b"]), 10.0).toarray()
    trend = interaction_matrix(history, pd.Index(["1", "2"]), pd.Index(["a", "b"]), 10.0, before_newest=True).toarray()
    assert own.tolist() == [[0.5, 1], [0, 1]] and trend.tolist() == [[0.5, 1], [0, 0.25]]
    # c has followed a lately, b did before
    sold = [(f"{n}", pair, n) for n, pair in enumerate(["ab"] * 20 + ["ac"] * 15)]
    rows = [(customer, letter, 2, 400.0 - 10 * n) for customer, pair, n in sold for letter in pair]
    sales = pd.DataFrame(rows, columns=["customer_id", "product_id", "strength", "age_days"])
    asked = history_of(("new", "a", 2)).assign(age_days=0.0)
    assert lists(recommend(asked, EASE(1.0).fit(sales)))["new"] == "bc"
    assert lists(recommend(asked, EASE(1.0, trend_half_life_days=30.0).fit(sales)))["new"] == "cb"


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_small_blocks_and_another_order_of_rows_change_nothing(model, monkeypatch) -> None:
    history = random_history(80, 30, seed=4)
    whole = recommend(history, replace(model).fit(history))
    monkeypatch.setattr(recommendations, "BLOCK_BYTES", 8 * 30 * 7)
    shuffled = history.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(recommend(shuffled, replace(model).fit(shuffled)), whole, atol=1e-10)


@pytest.mark.parametrize("model", ITEM_MODELS, ids=name_of)
def test_similarities_are_the_largest_in_order(model) -> None:
    history = random_history(80, 30, seed=5)
    whole = replace(model, top_k=29).fit(history).similarities()
    few = replace(model, top_k=4).fit(history).similarities()
    assert list(few.columns) == ["product_id", "neighbour_id", "similarity", "rank"]
    assert (few["product_id"] != few["neighbour_id"]).all()
    for product, rows in few.groupby("product_id"):
        expected = whole.loc[whole["product_id"] == product, "similarity"]
        assert sorted(rows["similarity"].abs()) == pytest.approx(expected.abs().nlargest(4).sort_values().tolist())
        assert rows["rank"].tolist() == list(range(1, len(rows) + 1)) and rows["similarity"].is_monotonic_decreasing


# Planted tastes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ITEM_MODELS, ids=name_of)
def test_neighbours_share_the_planted_taste(model, tastes) -> None:
    """By chance one neighbour in six has the same taste."""
    if isinstance(model, EASE):
        model = EASE(50.0)
    nearest = replace(model).fit(tastes).similarities().query("rank <= 5")
    same = (taste(nearest["product_id"]) == taste(nearest["neighbour_id"])).mean()
    assert same > 4 / TASTES


@pytest.mark.parametrize("model", [EASE(50.0), *MODELS[1:3]], ids=name_of)
def test_recommendations_are_of_the_planted_taste(model, tastes) -> None:
    def share(model) -> float:
        found = recommend(tastes, replace(model).fit(tastes))
        return (taste(found["product_id"]) == found["customer_id"].str[1:].astype(int) % TASTES).mean()

    assert share(Popularity()) < 1.2 / TASTES
    assert share(model) > 3 / TASTES  # 8 / 13 of what they bought is


# What is recommended ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_nothing_bought_is_recommended_but_what_is_repeatable(model) -> None:
    history = random_history(60, 20, seed=6)
    fitted = replace(model).fit(history)
    bought = history[history["strength"] == 2]
    found = recommend(history, fitted, 20)
    assert found.merge(bought).empty
    # Clicks are recommended, and everything else as well: all 20 products of each customer are in one of the two.
    assert not found.merge(history[history["strength"] == 1].drop(columns="strength")).empty
    assert len(found) + len(bought) == 60 * 20
    again = recommend(history, fitted, 20, repeatable=["p0003"]).merge(bought)["product_id"]
    assert set(again) == {"p0003"} and len(again) == (bought["product_id"] == "p0003").sum()


def test_equal_scores_are_ranked_by_popularity_then_by_product() -> None:
    history = purchases({"1": "ax", "2": "ay", "3": "az", "4": "z", "5": "a"})

    class AllAlike(Popularity):
        def score(self, matrix):
            return np.ones(matrix.shape)

    assert lists(recommend(history_of(("5", "a", 2)), AllAlike().fit(history)))["5"] == "zxy"
    assert lists(recommend(history_of(("6", "a", 2)), Popularity().fit(history)))["6"] == "zxy"


def test_places_go_to_collaborative_then_content_then_popular() -> None:
    history = purchases({"1": "ab", "2": "ab", "3": "c", "4": "d", "5": "d", "6": "e"})
    attributes = pd.DataFrame({"product_id": list("abcdenm"), "category": list("xxxyzxy")})
    content = ContentModel(categories=["category"], price=None).fit(attributes)
    customers = history_of(("new", None, None), ("1", "a", 2))
    found = recommend(customers, ShrunkCosine().fit(history), 5, content=content)
    first = found[found["customer_id"] == "1"]
    # b is bought with a; c and n are of a's category, c sold already; d and e are what is left, d the more popular
    assert "".join(first["product_id"]) == "bcnde"
    assert first["method"].tolist() == ["collaborative", "content", "content", "popular", "popular"]
    cold = found[found["customer_id"] == "new"]
    assert "".join(cold["product_id"]) == "abdce" and set(cold["method"]) == {"popular"}
    assert found["rank"].tolist() == [1, 2, 3, 4, 5] * 2
    # A place for a product that nobody bought yet, where its attributes fit
    kept = recommend(customers, ShrunkCosine().fit(history), 2, content=content, new_products=1)
    assert lists(kept) == {"1": "bn", "new": "ab"}


def test_what_was_left_unbought_comes_first_the_latest_before_the_rest() -> None:
    model = Popularity().fit(purchases({"1": "abcde", "2": "abcd", "3": "abc", "4": "ab", "5": "a"}))
    seen = history_of(("9", "e", 1), ("9", "d", 1), ("9", "c", 1), ("9", "d", 2)).assign(age_days=[0.0, 1.0, 7.0, 1.0])
    found = recommend(seen, model, 4, resume=2)
    assert "".join(found["product_id"]) == "ecab" and found["method"].tolist() == ["resume"] * 2 + ["popular"] * 2
    assert found["score"][:2].tolist() == [1, 0.5]
    # Places that nothing was left for go to the others
    assert lists(recommend(seen, model, 4, resume=4))["9"] == "ecab"
    assert lists(recommend(history_of(("8", None, None)), model, 3, resume=3))["8"] == "abc"


def test_content_by_hand() -> None:
    """Of four products, two are red; idf is ln(1 + 4 / 2) for the colour, ln(1 + 4 / 2) for each of two price bands."""
    attributes = pd.DataFrame(
        {"product_id": list("abcd"), "colour": ["red", "red", "blue", None], "price": [1.0, 9.0, 1.5, 8.0]}
    )
    model = ContentModel(categories=["colour"], price_bands=2).fit(attributes)
    history = interaction_matrix(history_of(("1", "a", 2)), pd.Index(["1"]), model.product_ids_)
    red, band, blue = np.log(3), np.log(3), np.log(5)
    a = np.array([red, band]) / np.hypot(red, band)
    assert model.score(history)[0].tolist() == pytest.approx([1, a[0] ** 2, a[1] * band / np.hypot(band, blue), 0])
    price = pd.Series([3.0, 3.0, 3.0, 3.0])
    assert ContentModel([], "price").fit(attributes.assign(price=price)).score(history)[0].tolist() == [1] * 4


def test_a_customer_is_scored_alone_as_among_others() -> None:
    """So that Spark may group customers as it likes; and the function, the models and the content travel by pickle."""
    history = random_history(40, 20, seed=8).assign(age_days=lambda rows: np.arange(len(rows)) % 90)
    attributes = pd.DataFrame({"product_id": [f"p{i:04}" for i in range(25)], "brand": list("abcde") * 5})
    content = ContentModel(["brand"], None).fit(attributes)
    for model in [*MODELS[1:], EASE(5.0, half_life_days=30.0)]:
        score = pickle.loads(pickle.dumps(partial(recommend, model=replace(model).fit(history), content=content)))
        alone = [score(rows) for _, rows in history.groupby("customer_id")]
        pd.testing.assert_frame_equal(pd.concat(alone, ignore_index=True), score(history))


def test_recent_interactions_count_more() -> None:
    """Half the weight at 30 days before the customer's latest, whatever the day from which ages are counted."""
    history = history_of(("1", "a", 2), ("1", "b", 2), ("1", "c", 1), ("2", "b", 2)).assign(age_days=[40, 10, 70, 500])
    indexes = pd.Index(["1", "2"]), pd.Index(["a", "b", "c"])
    expected = [[0.5, 1, 0.125], [0, 1, 0]]
    assert interaction_matrix(history, *indexes, 30.0).toarray().tolist() == expected
    assert interaction_matrix(history.assign(age_days=history["age_days"] + 7), *indexes, 30.0).toarray().tolist() == (
        expected
    )


# Edges -----------------------------------------------------------------------------------------------


def test_the_strongest_of_several_interactions_counts() -> None:
    history = history_of(("1", "a", 1), ("1", "a", 2), ("1", "a", 1), ("1", "b", 0))
    assert interaction_matrix(history, pd.Index(["1"]), pd.Index(["a", "b"])).toarray().tolist() == [[1, 0]]
    assert recommend(history, Popularity().fit(history)).empty  # bought, in whichever row it says so


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_without_interactions_there_is_nothing_to_recommend(model) -> None:
    nothing = history_of()
    fitted = replace(model).fit(nothing)
    found = recommend(history_of(("1", "a", 2), ("2", None, None)), fitted)
    assert found.empty and list(found.columns) == RECOMMENDATION_COLUMNS
    known = replace(model).fit(purchases({"1": "ab", "2": "bc"}))
    assert list(recommend(nothing, known).columns) == RECOMMENDATION_COLUMNS and recommend(nothing, known).empty
    if isinstance(model, tuple(type(m) for m in ITEM_MODELS)):
        assert fitted.similarities().empty


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_one_customer_one_product_and_unknown_ones(model) -> None:
    alone = replace(model).fit(purchases({"1": "a"}))
    assert recommend(purchases({"1": "a"}), alone).empty
    assert lists(recommend(history_of(("2", None, None)), alone)) == {"2": "a"}
    fitted = replace(model).fit(purchases({"1": "abc", "2": "ab", "3": "bd"}))
    # Only b of the known products is in the history; an unknown product changes nothing
    known, unknown = (recommend(purchases({"9": letters}), fitted, 50) for letters in ("b", "bq"))
    pd.testing.assert_frame_equal(known, unknown)
    assert sorted(lists(known)["9"]) == ["a", "c", "d"]
    assert recommend(purchases({"9": "q"}), fitted)["method"].unique().tolist() == ["popular"]
    assert set(lists(recommend(purchases({"8": "abcd", "9": "a"}), fitted))) == {"9"}  # 8 has everything


def test_pearson_of_a_product_that_everybody_has_is_0() -> None:
    assert table_of(ItemPearson().fit(purchases({"1": "ab", "2": "abc", "3": "a"}))).loc["a"].eq(0).all()


def test_unusable_input_is_refused() -> None:
    good = purchases({"1": "ab", "2": "bc"})
    model = ShrunkCosine().fit(good)
    for frame, message in (
        (good.drop(columns="strength"), "absent: strength"),
        (good.assign(strength=3), "strength must lie"),
        (good.assign(strength=[2, 2, -1, 2]), "strength must lie"),
        (good.assign(strength=[2, 2, np.nan, 2]), "strength must lie"),
        (good.assign(customer_id=["1", None, "2", "2"]), "customer_id"),
    ):
        for use in (ShrunkCosine().fit, partial(recommend, model=model)):
            with pytest.raises(ValueError, match=message):
                use(frame)
    for unusable, message in (
        (EASE(0.0), "regularization"), (EASE(top_k=0), "top_k"), (ShrunkCosine(-1.0), "shrinkage"),
        (EASE(half_life_days=30.0), "age_days"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            unusable.fit(good)
    with pytest.raises(ValueError, match="half_life_days must be positive"):
        EASE(half_life_days=0.0).fit(good.assign(age_days=1))
    with pytest.raises(ValueError, match="age_days of the history"):
        EASE(half_life_days=9.0).fit(good.assign(age_days=[1, 2, np.nan, 3]))
    for top_n, new in ((0, 0), (3, 4), (3, -1)):
        with pytest.raises(ValueError, match="top_n"):
            recommend(good, model, top_n, new_products=new)
    with pytest.raises(ValueError, match="absent: brand"):
        ContentModel().fit(pd.DataFrame({"product_id": ["a"], "category": ["x"], "price": [1.0]}))
    with pytest.raises(ValueError, match="comes twice"):
        ContentModel([], None).fit(pd.DataFrame({"product_id": ["a", "a"]}))
    with pytest.raises(ValueError, match="resume"):
        recommend(good, model, 3, new_products=2, resume=2)
    with pytest.raises(ValueError, match="no such candidate: als"):
        families(["ease", "als"])


# Metrics and protocols -------------------------------------------------------------------------------


def ranked(lists: dict[str, str]) -> pd.DataFrame:
    rows = [(customer, letter, rank) for customer, letters in lists.items() for rank, letter in enumerate(letters, 1)]
    return pd.DataFrame(rows, columns=["customer_id", "product_id", "rank"])


def test_metrics_by_hand_and_by_scikit_learn() -> None:
    recommended, truth = ranked({"1": "abcde", "2": "eabcd"}), purchases({"1": "ac", "2": "z", "3": "a"})
    ndcg = ndcg_at_k(recommended, truth, 3)
    assert ndcg["1"] == pytest.approx((1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3)))
    assert ndcg["1"] == pytest.approx(ndcg_score([[1, 0, 1, 0, 0]], [[5, 4, 3, 2, 1]], k=3))
    assert ndcg["2"] == ndcg["3"] == 0  # no hit, no recommendations
    assert recall_at_k(recommended, truth, 2).to_dict() == {"1": 0.5, "2": 0, "3": 0}
    assert coverage(recommended, 10, 2) == 0.3 and np.isnan(coverage(recommended, 0))
    # As good as it can be, though more is true than there are places
    assert ndcg_at_k(ranked({"1": "ab"}), purchases({"1": "abcd"}), 2)["1"] == 1
    with pytest.raises(ValueError, match="k must"):
        ndcg_at_k(recommended, truth, 0)


def test_evaluate_says_how_sure_it_is() -> None:
    truth = purchases({str(i): "a" for i in range(400)})
    found = evaluate(ranked({str(i): "a" if i % 4 else "b" for i in range(400)}), truth, 4, 1, ranked({"0": "a"}))
    ndcg, recall, covered = found
    assert [metric.metric for metric in found] == ["ndcg_at_1", "recall_at_1", "coverage_at_1"]
    assert ndcg.value == recall.value == 0.75 and ndcg.baseline == 1 / 400 and ndcg.rows == 400
    error = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert (ndcg.ci_low, ndcg.ci_high) == pytest.approx((0.75 - error, 0.75 + error), abs=0.006)
    assert (covered.value, covered.baseline, covered.ci_low) == (0.5, 0.25, None)
    assert evaluate(ranked({}), truth[:0], 4) == [] and np.isnan(bootstrap_interval([])).all()


def test_a_quarter_of_the_ratings_is_held_out() -> None:
    ratings = random_history(30, 40, seed=9, share=0.6).rename(columns={"strength": "rating"})
    history, truth = explicit_split(ratings)
    both = pd.concat([history, truth])[["customer_id", "product_id"]]
    assert len(both) == len(both.drop_duplicates()) == len(ratings) and set(history["strength"]) == {2}
    shares = truth.groupby("customer_id").size() / ratings.groupby("customer_id").size()
    assert shares.between(0.22, 0.28).all()
    again = explicit_split(ratings.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(again[1], truth)
    assert not explicit_split(ratings, random_state=1)[1].equals(truth)
    with pytest.raises(ValueError, match="test_share"):
        explicit_split(ratings, 1.0)


# Choice of the model ---------------------------------------------------------------------------------


def test_the_best_model_on_the_validation_is_chosen(tastes) -> None:
    history, validation = explicit_split(tastes)
    choice = choose_model(history, validation, full_history=tastes)
    means = choice.ndcg.mean()
    assert choice.name == means.idxmax() and means[choice.name] > 1.5 * means["popularity"]
    ndcg, *_, gain = choice.metrics[choice.name]
    assert (ndcg.metric, gain.metric) == ("ndcg_at_10", "ndcg_gain") and ndcg.baseline == means["popularity"]
    assert 0 < gain.ci_low < gain.value <= ndcg.value - ndcg.baseline + 1e-12, "no customer judges what he chose"
    again = choice.trials[choice.name].model
    pd.testing.assert_frame_equal(choice.model.similarities(), replace(again).fit(tastes).similarities())
    assert {trial.model.half_life_days for trial in choice.trials.values()} == {None}, "no ages, nothing to forget"


def test_where_nothing_can_be_learned_popularity_stands() -> None:
    """Purchases by lot: a model is ahead of popularity by chance at most, and chance is no reason."""
    rng = np.random.default_rng(0)
    rows = [(f"{n}", f"p{product:02}") for n in range(200) for product in rng.choice(40, 6, replace=False)]
    history, validation = explicit_split(pd.DataFrame(rows, columns=["customer_id", "product_id"]))
    chosen = choose_model(history, validation)
    assert chosen.name == "popularity" and len(chosen.trials) == 8
    nobody = choose_model(history, validation[:0])
    assert nobody.name == "popularity" and nobody.ndcg.empty and set(map(tuple, nobody.metrics.values())) == {()}
    assert choose_model(history, validation, []).trials.keys() == {"popularity"}


def test_who_comes_back_for_what_he_looked_at_is_given_it() -> None:
    rng = np.random.default_rng(0)
    views, bought = [], []
    for customer in range(300):
        seen = rng.choice(60, 3, replace=False)
        views += [(f"{customer}", f"p{product:02}", 1, float(age)) for age, product in enumerate(seen)]
        bought.append((f"{customer}", f"p{seen[0]:02}"))
    history = pd.DataFrame(views, columns=["customer_id", "product_id", "strength", "age_days"])
    choice = choose_model(history, pd.DataFrame(bought, columns=["customer_id", "product_id"]))
    assert choice.resume > 0 and choice.ndcg[choice.name].mean() > 0.95
