"""The benchmark of recommendations: its protocols, its user neighbours, and what Online Retail says of the models."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import harness
from precision_marketing.models.ranking import bootstrap_interval, evaluate, ndcg_at_k, unseen
from precision_marketing.models.recommendations import EASE, Popularity, ShrunkCosine, recommend

spec = importlib.util.spec_from_file_location("benchmark_rec", harness.ROOT / "benchmarks" / "recommendations.py")
benchmark = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = benchmark  # its data classes look themselves up
spec.loader.exec_module(benchmark)
UserCosine, leave_last_basket_out = benchmark.UserCosine, benchmark.leave_last_basket_out


def test_user_cosine_is_the_mean_of_the_neighbours() -> None:
    rng = np.random.default_rng(3)
    matrix = rng.uniform(0.25, 1, (30, 8)) * (rng.random((30, 8)) < 0.4) + np.eye(30, 8) * 0.5  # no ties
    rows, columns = np.nonzero(matrix)
    history = pd.DataFrame(
        {
            "customer_id": [f"{n:02}" for n in rows],
            "product_id": [f"p{n}" for n in columns],
            "strength": 2 * matrix[rows, columns].clip(0, 1),
        }
    )
    dense = history.pivot(index="customer_id", columns="product_id", values="strength").fillna(0).to_numpy() / 2
    unit = dense / np.linalg.norm(dense, axis=1, keepdims=True)
    cosine = unit @ unit.T
    cosine[cosine < -np.sort(-cosine, axis=1)[:, [4]]] = 0
    expected = cosine @ dense / cosine.sum(axis=1, keepdims=True)
    model = UserCosine(neighbours=5).fit(history)
    np.testing.assert_allclose(model.score(model.matrix_), expected, atol=1e-12)


def test_the_last_basket_is_held_out() -> None:
    days = {"1": ["ab", "bc", "ade"], "2": ["a", "b"], "3": ["c"]}
    rows = [
        (customer, letter, f"{customer}-{day}", pd.Timestamp("2024-01-01") + pd.Timedelta(days=day))
        for customer, baskets in days.items() for day, letters in enumerate(baskets) for letter in letters
    ]  # fmt: skip
    baskets = pd.DataFrame(rows, columns=["customer_id", "product_id", "basket_id", "purchased_at"]).sample(
        frac=1, random_state=0
    )

    def letters(frame: pd.DataFrame) -> dict[str, str]:
        return frame.groupby("customer_id")["product_id"].agg(lambda ids: "".join(sorted(ids))).to_dict()

    history, truth = leave_last_basket_out(baskets)
    assert letters(history) == {"1": "abbc", "2": "a", "3": "c"} and letters(truth) == {"1": "de", "2": "b"}
    assert history.loc[history["customer_id"] == "1", "age_days"].tolist().count(1) == 2
    before, validation = leave_last_basket_out(baskets, back=1)
    assert letters(before) == {"1": "ab", "2": "a", "3": "c"} and letters(validation) == {"1": "c"}
    assert unseen(truth, truth).empty


@pytest.fixture(scope="module")
def online_retail(shared_data: Path) -> pd.DataFrame:
    path = shared_data / "online_retail" / "online_retail.csv.gz"
    if not path.is_file():
        pytest.skip("UCI Online Retail is missing: docs/real_data.md says where it comes from")
    return benchmark.online_retail(path)


def test_last_baskets_of_online_retail(online_retail: pd.DataFrame) -> None:
    """Popularity < user cosine < EASE, and the gain over the better rival is no accident of the customers."""
    history, truth = leave_last_basket_out(online_retail)
    asked = history[history["customer_id"].isin(truth["customer_id"])]
    found = {
        type(model).__name__: recommend(asked, model.fit(history))
        for model in (Popularity(), UserCosine(), ShrunkCosine(half_life_days=90.0), EASE(half_life_days=90.0))
    }
    ndcg = {name: ndcg_at_k(recommended, truth) for name, recommended in found.items()}
    mean = {name: values.mean() for name, values in ndcg.items()}
    assert mean["Popularity"] < 0.05 < 2 * mean["Popularity"] < mean["UserCosine"] < mean["EASE"]
    assert bootstrap_interval(ndcg["EASE"] - ndcg["UserCosine"])[0] > 0
    assert bootstrap_interval(ndcg["ShrunkCosine"] - ndcg["Popularity"])[0] > 0
    metrics = evaluate(found["EASE"], truth, history["product_id"].nunique(), baseline=found["Popularity"])
    assert all(metric.value > metric.baseline for metric in metrics)


def test_the_warehouses_rule_on_last_baskets(online_retail: pd.DataFrame) -> None:
    """The rule chooses on the basket before the last; 0.0897 was the last basket's before weights followed trends."""
    protocol = benchmark.protocols(online_retail)["last basket"]
    found = ndcg_at_k(benchmark.run_ours(protocol).recommended, protocol.test[1])
    print(f"nDCG@10 of the last basket: {found.mean():.4f}")
    assert found.mean() > 0.095
