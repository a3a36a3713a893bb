"""Recommendations on UCI Online Retail against popularity, the classical neighbours, ALS of Spark and of `implicit`.

python benchmarks/recommendations.py [--data FOLDER] [--without-spark] [--movielens FILE]

Two protocols: *last basket* (the last invoice of each customer with at least two is held out, and of it what the
customer had not bought before is to be found) and *a quarter* (of each customer's products a random quarter). Every
method chooses its parameters from a small grid by nDCG@10 on a validation that is cut from the history in the same
manner: the second-to-last invoice, or a quarter of what is left. Then it is fitted again to the whole history and asked
once. The first table has planted tastes: six groups of products, each 8 times as likely among its customers.

`pip install implicit` adds that library; its rows are left out without it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.preprocessing import normalize

from precision_marketing.models.inputs import require_columns
from precision_marketing.models.ranking import (
    bootstrap_interval,
    choose_model,
    evaluate,
    explicit_split,
    families,
    ndcg_at_k,
    unseen,
)
from precision_marketing.models.recommendations import (
    EASE,
    PURCHASE,
    ItemPearson,
    Popularity,
    RankingModel,
    ShrunkCosine,
    interaction_matrix,
    recommend,
)

SHARED_DATA = Path(os.environ.get("MARKETING_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
K = 10
TASTES = 6
OURS = "ours: choose_model, as in the warehouse"

Recommender = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]  # history, history of those who are asked


class Protocol(NamedTuple):
    """What may be known and what is to be found; first for the choice of parameters, then for the figures."""

    validation: tuple[pd.DataFrame, pd.DataFrame]
    test: tuple[pd.DataFrame, pd.DataFrame]


def online_retail(path: Path) -> pd.DataFrame:
    """customer_id, product_id, basket_id, purchased_at; no cancellations, unknown customers, postage, fees."""
    names = {"CustomerID": "customer_id", "StockCode": "product_id", "InvoiceNo": "basket_id"}
    rows = pd.read_csv(path, dtype=str, usecols=[*names, "InvoiceDate"]).rename(columns=names)
    sold = ~rows["basket_id"].str.startswith("C") & rows["customer_id"].notna()
    rows = rows[sold & rows["product_id"].str.match(r"\d{5}")]
    return rows.assign(purchased_at=pd.to_datetime(rows["InvoiceDate"]))


def movielens(path: Path) -> pd.DataFrame:
    """customer_id, product_id, purchased_at of MovieLens 100K's u.data or 1M's ratings.dat; every rating counts."""
    names = ["customer_id", "product_id", "rating", "seconds"]
    rows = pd.read_csv(path, sep="::|\t", engine="python", header=None, names=names)
    return rows.assign(purchased_at=pd.to_datetime(rows["seconds"], unit="s"))


def leave_last_basket_out(baskets: pd.DataFrame, back: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """History and truth for predicting a customer's last basket, or the one ``back`` baskets before the last.

    baskets: customer_id, product_id, basket_id, purchased_at; equal times are ordered by basket_id. A customer's basket
    number ``back`` from the end is the truth, if an older one remains, and newer ones are dropped, so that what tunes
    (back = 1) sees nothing of what tests (back = 0). A customer with too few baskets to be asked adds to the history
    what is left of them, but at least all baskets older than the last; one with a single basket adds that.
    Returns the history (``HISTORY_COLUMNS`` and age_days before the newest purchase) and the truth (customer_id,
    product_id: those the customer had never bought before).
    """
    require_columns(baskets, ["customer_id", "product_id", "basket_id", "purchased_at"], "the baskets")
    starts = baskets.groupby(["customer_id", "basket_id"], as_index=False)["purchased_at"].min()
    starts = starts.sort_values(["customer_id", "purchased_at", "basket_id"])
    groups = starts.groupby("customer_id")["basket_id"]
    starts["from_end"], starts["baskets"] = groups.cumcount(ascending=False), groups.transform("size")
    rows = baskets.merge(starts.drop(columns="purchased_at"), on=["customer_id", "basket_id"])
    dropped = np.minimum(back, rows["baskets"] - 1)  # of a customer with too few
    asked = rows["baskets"] > back + 1
    is_truth = asked & (rows["from_end"] == back)
    past = rows[(rows["from_end"] > back) | (~asked & (rows["from_end"] >= dropped))]
    age = (baskets["purchased_at"].max() - past["purchased_at"]).dt.total_seconds() / 86_400
    history = past[["customer_id", "product_id"]].assign(strength=PURCHASE, age_days=age).reset_index(drop=True)
    return history, unseen(rows[is_truth], history)


def protocols(baskets: pd.DataFrame) -> dict[str, Protocol]:
    return {
        "last basket": Protocol(leave_last_basket_out(baskets, back=1), leave_last_basket_out(baskets)),
        "a quarter": random_quarter(baskets),
    }


def random_quarter(ratings: pd.DataFrame, seed: int = 0) -> Protocol:
    quarter = explicit_split(ratings, random_state=seed)
    return Protocol(explicit_split(quarter[0], random_state=seed), quarter)


# Methods: each a list of parameters to choose from ---------------------------------------------------


@dataclass
class UserCosine(RankingModel):
    """Mean strength among the ``neighbours`` customers with the most similar history, weighted by the cosine.

    Keeps the whole matrix it was fitted to; the customer found among their own neighbours adds only what they have.
    """

    neighbours: int = 100
    half_life_days: float | None = None

    def _fit(self, matrix: sparse.csr_array) -> None:
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, not {self.neighbours}")
        self.matrix_, self.unit_ = matrix, normalize(matrix)

    @property
    def width_(self) -> int:
        return max(self.matrix_.shape)

    def score(self, matrix: sparse.csr_array) -> np.ndarray:
        nearest = (normalize(matrix) @ self.unit_.T).toarray()
        if nearest.shape[1] > self.neighbours:
            nearest[nearest < np.partition(nearest, -self.neighbours, axis=1)[:, -self.neighbours, None]] = 0
        total = nearest.sum(axis=1)[:, None]
        return (nearest @ self.matrix_) / np.where(total > 0, total, 1)


def _own(model) -> tuple[str, Recommender]:
    parameters = {name: value for name, value in model.params().items() if value is not None}
    return _text(parameters), lambda history, asked: recommend(asked, replace(model).fit(history), K)


def _text(parameters: dict) -> str:
    return json.dumps(parameters).translate(str.maketrans("", "", '{}"'))


def own_methods() -> dict[str, list[tuple[str, Recommender]]]:
    grids: dict[str, list[RankingModel]] = {
        "popularity": [Popularity()],
        "item cosine": [ShrunkCosine(0.0, None, k, False) for k in (10, 20, 50, 100)],
        "user cosine": [UserCosine(k) for k in (50, 100, 200)],
        "item Pearson": [ItemPearson(None, k) for k in (10, 20, 50, 100)],
        "EASE": [trial.model for trial in families(["ease"])[1]],
        "EASE, 50 neighbours": [EASE(200, None, 50)],
    }
    return {name: [_own(model) for model in models] for name, models in grids.items()}


def _frame(customers: pd.Index, products: pd.Index, columns: np.ndarray, found: np.ndarray) -> pd.DataFrame:
    """Recommendations from column numbers (b, K) in order, where they were found (b, K)."""
    row, place = np.nonzero(found)
    ids = {"customer_id": customers[row], "product_id": products[columns[row, place]]}
    return pd.DataFrame({**ids, "rank": place + 1})


def _indexes(history: pd.DataFrame) -> tuple[pd.Index, pd.Index]:
    customers, products = (pd.Index(history[name].unique()).sort_values() for name in ("customer_id", "product_id"))
    return customers, products


def implicit_methods() -> dict[str, list[tuple[str, Recommender]]]:
    from implicit.als import AlternatingLeastSquares
    from implicit.bpr import BayesianPersonalizedRanking
    from implicit.nearest_neighbours import BM25Recommender, TFIDFRecommender

    grids = {
        "implicit ALS": (
            AlternatingLeastSquares,
            {"factors": (64, 128, 256), "regularization": (1.0, 10.0, 20.0), "alpha": (1.0, 4.0), "random_state": (0,)},
        ),
        "implicit BPR": (
            BayesianPersonalizedRanking,
            {"factors": (64, 128), "regularization": (0.01, 0.05), "iterations": (100, 300), "random_state": (0,)},
        ),
        "implicit TF-IDF neighbours": (TFIDFRecommender, {"K": (10, 20, 50, 100)}),
        "implicit BM25 neighbours": (BM25Recommender, {"K": (20, 100), "K1": (1.2, 100.0), "B": (0.2, 0.8)}),
    }

    def method(kind, parameters: dict) -> tuple[str, Recommender]:
        def run(history: pd.DataFrame, asked: pd.DataFrame) -> pd.DataFrame:
            customers, products = _indexes(history)
            matrix = sparse.csr_matrix(interaction_matrix(history, customers, products))
            model = kind(**parameters, num_threads=1)
            model.fit(matrix, show_progress=False)
            people = np.flatnonzero(customers.isin(asked["customer_id"]))
            columns, scores = model.recommend(people, matrix[people], N=K, filter_already_liked_items=True)
            return _frame(customers[people], products, columns, (columns >= 0) & (scores > -1e30))

        return _text({name: value for name, value in parameters.items() if name != "random_state"}), run

    return {
        name: [method(kind, dict(zip(grid, values, strict=True))) for values in product(*grid.values())]
        for name, (kind, grid) in grids.items()
    }


def spark_methods(session) -> dict[str, list[tuple[str, Recommender]]]:
    from pyspark.ml.recommendation import ALS

    def method(parameters: dict) -> tuple[str, Recommender]:
        def run(history: pd.DataFrame, asked: pd.DataFrame) -> pd.DataFrame:
            customers, products = _indexes(history)
            cells = interaction_matrix(history, customers, products).tocoo()
            ratings = pd.DataFrame({"user": cells.row, "item": cells.col, "rating": cells.data})
            model = ALS(implicitPrefs=True, seed=0, **parameters).fit(session.createDataFrame(ratings))
            user, item = (
                np.array(table.toPandas().sort_values("id")["features"].tolist())
                for table in (model.userFactors, model.itemFactors)
            )
            people = np.flatnonzero(customers.isin(asked["customer_id"]))
            owned = cells.tocsr()
            found = []
            for part in np.array_split(people, max(1, len(people) // 500)):
                scores = user[part] @ item.T
                scores[owned[part].nonzero()] = -np.inf
                columns = np.argsort(-scores, axis=1, kind="stable")[:, :K]
                usable = np.isfinite(np.take_along_axis(scores, columns, 1))
                found.append(_frame(customers[part], products, columns, usable))
            return pd.concat(found, ignore_index=True)

        return _text(parameters), run

    grid = product((64, 128), (0.01, 0.1), (1.0, 10.0))
    return {"Spark ALS": [method({"rank": r, "regParam": reg, "alpha": alpha}) for r, reg, alpha in grid]}


# Figures ---------------------------------------------------------------------------------------------


class Result(NamedTuple):
    name: str
    parameters: str
    recommended: pd.DataFrame
    seconds: float


def run(name: str, candidates: list[tuple[str, Recommender]], protocol: Protocol) -> Result:
    """Choose on the validation, then fit and ask once; seconds of that last step."""
    best = 0
    if len(candidates) > 1:
        history, truth = protocol.validation
        people = _asked(history, truth)
        best = int(np.argmax([ndcg_at_k(one(history, people), truth, K).mean() for _, one in candidates]))
    parameters, recommender = candidates[best]
    history, truth = protocol.test
    people = _asked(history, truth)
    started = time.perf_counter()
    recommended = recommender(history, people)
    return Result(name, parameters, recommended, time.perf_counter() - started)


def run_ours(protocol: Protocol) -> Result:
    """The warehouse's own rule on the validation, then its choice asked once."""
    choice = choose_model(*protocol.validation)
    model = choice.trials[choice.name].model
    history, truth = protocol.test
    started = time.perf_counter()
    recommended = recommend(_asked(history, truth), replace(model).fit(history), K, resume=choice.resume)
    return Result(OURS, choice.name, recommended, time.perf_counter() - started)


def _asked(history: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    return history[history["customer_id"].isin(truth["customer_id"])]


def report(results: list[Result], protocol: Protocol) -> Iterator[str]:
    history, truth = protocol.test
    by_name = {result.name: result for result in results}
    ours = ndcg_at_k(by_name[OURS].recommended, truth, K)
    products = history["product_id"].nunique()
    yield "| method | nDCG@10 | 95% | recall@10 | coverage | ours ahead by, 95% | time, item cosine = 1 | chosen |"
    yield "|---|---|---|---|---|---|---|---|"
    for result in results:
        ndcg, recall, covered = evaluate(result.recommended, truth, products, K)
        low, high = bootstrap_interval((ours - ndcg_at_k(result.recommended, truth, K)).to_numpy())
        ahead = "" if low == high == 0 else f"{low:+.4f} to {high:+.4f}"
        ratio = result.seconds / by_name["item cosine"].seconds
        yield (
            f"| {result.name} | {ndcg.value:.4f} | {ndcg.ci_low:.4f} to {ndcg.ci_high:.4f} | {recall.value:.4f} "
            f"| {covered.value:.3f} | {ahead} | {ratio:.1f} | {result.parameters} |"
        )


def planted_tastes(customers: int = 3_000, per_taste: int = 60, factor: float = 8.0, seed: int = 0) -> Iterator[str]:
    """Share of each product's five nearest neighbours that are of its taste; by chance one in six."""
    rng = np.random.default_rng(seed)
    count = TASTES * per_taste
    appeal = rng.lognormal(0, 1, count)
    rows = []
    for customer in range(customers):
        weight = appeal * np.where(np.arange(count) % TASTES == customer % TASTES, factor, 1)
        bought = rng.choice(count, rng.integers(2, 20), replace=False, p=weight / weight.sum())
        rows += [(f"{customer:05}", f"{number:04}", 2) for number in bought]
    history = pd.DataFrame(rows, columns=["customer_id", "product_id", "strength"])
    yield "| model | neighbours of the same taste | 95% | chance |"
    yield "|---|---|---|---|"
    for model in (ItemPearson(), ShrunkCosine(), EASE(50.0)):
        nearest = model.fit(history).similarities().query("rank <= 5")
        same = nearest["product_id"].astype(int) % TASTES == nearest["neighbour_id"].astype(int) % TASTES
        shares = same.groupby(nearest["product_id"]).mean()
        low, high = bootstrap_interval(shares.to_numpy())
        chance = (per_taste - 1) / (count - 1)
        yield f"| {type(model).__name__} | {shares.mean():.3f} | {low:.3f} to {high:.3f} | {chance:.3f} |"


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    parser.add_argument("--without-spark", action="store_true")
    parser.add_argument("--movielens", type=Path, help="u.data of MovieLens 100K, or ratings.dat of 1M")
    options = parser.parse_args()

    print("Planted tastes\n", *planted_tastes(), "", sep="\n")
    if options.movielens:
        for seed in range(3):
            result = run_ours(random_quarter(movielens(options.movielens), seed))
            ndcg = ndcg_at_k(result.recommended, random_quarter(movielens(options.movielens), seed).test[1], K).mean()
            print(f"MovieLens, a random quarter, seed {seed}: nDCG@10 {ndcg:.4f} by {result.parameters}", flush=True)
    path = options.data / "online_retail" / "online_retail.csv.gz"
    if not path.is_file():
        print(f"UCI Online Retail is missing: {path} (docs/real_data.md says where it comes from)")
        return
    has_implicit = importlib.util.find_spec("implicit") is not None
    if not has_implicit:
        print("implicit is not installed\n")
    session = None
    if not options.without_spark and importlib.util.find_spec("pyspark") is not None:
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master("local[2]").config("spark.driver.memory", "2g")
        settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.log.level": "ERROR"}
        session = builder.config(map={**settings, "spark.ui.showConsoleProgress": "false"}).getOrCreate()

    for name, protocol in protocols(online_retail(path)).items():
        truth = protocol.test[1]
        methods = own_methods()
        methods |= implicit_methods() if has_implicit else {}
        if session is not None and name == "last basket":
            methods |= spark_methods(session)
        results = [run(method, candidates, protocol) for method, candidates in methods.items()]
        results.append(run_ours(protocol))
        print(f"Online Retail, {name}: {truth['customer_id'].nunique():,} customers asked\n")
        print(*report(results, protocol), "", sep="\n", flush=True)
    if session is not None:
        session.stop()


if __name__ == "__main__":
    main()
