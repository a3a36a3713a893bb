"""Missing numbers estimated from the nearest rows: better than means, and defined for every odd input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pyspark import cloudpickle

import harness
import precision_marketing
from precision_marketing import imputation
from precision_marketing.imputation import NearestRowsImputer

CATEGORIES = ("beauty", "food", "books")


def products(rows: int, seed: int = 0) -> pd.DataFrame:
    """Products whose cost is about half their price, less in one category than in another."""
    random = np.random.default_rng(seed)
    price = np.exp(random.normal(4, 1, rows))
    category = random.integers(0, len(CATEGORIES), rows)
    cost = price * np.choose(category, [0.3, 0.5, 0.7]) * random.uniform(0.95, 1.05, rows)
    return pd.DataFrame({"cost": cost, "price": price, "category": np.array(CATEGORIES)[category]})


def fitted(rows: pd.DataFrame) -> NearestRowsImputer:
    return NearestRowsImputer("cost", numeric=["price"], categorical=["category"]).fit(rows)


def rmse(estimates, truth) -> float:
    return float(np.sqrt(np.mean((np.asarray(estimates) - np.asarray(truth)) ** 2)))


def held_out_errors(rows: pd.DataFrame, target: str, numeric: list[str], categorical: list[str]) -> dict[str, float]:
    """RMSE on a fifth of the rows, by method: nearest rows, mean of the first category, mean."""
    held_out = np.random.default_rng(1).random(len(rows)) < 0.2
    known, missing = rows[~held_out], rows[held_out]
    truth, mean = missing[target], known[target].mean()
    group_means = missing[categorical[0]].map(known.groupby(categorical[0])[target].mean()).fillna(mean)
    imputer = NearestRowsImputer(target, numeric, categorical).fit(known)
    return {
        "nearest rows": rmse(imputer.predict(missing.drop(columns=target)), truth),
        "group mean": rmse(group_means, truth),
        "mean": rmse(np.full(len(missing), mean), truth),
    }


def test_nearest_rows_beat_means() -> None:
    errors = held_out_errors(products(1000), "cost", ["price"], ["category"])
    assert errors["nearest rows"] < 0.3 * errors["group mean"] < errors["mean"]


def test_the_weight_of_categories_is_learnt() -> None:
    """In one shop the category alone decides, in the other the price."""
    rows, missing = products(600), pd.DataFrame({"price": [60.0] * 3, "category": CATEGORIES})
    by_category = rows.assign(cost=rows["category"].map({"beauty": 1.0, "food": 50.0, "books": 100.0}))
    by_price = rows.assign(cost=rows["price"] / 2)
    assert fitted(by_category).predict(missing) == pytest.approx([1, 50, 100])
    assert fitted(by_price).predict(missing) == pytest.approx([30] * 3, rel=0.03)


def test_estimates_are_means_of_the_nearest() -> None:
    rows = pd.DataFrame({"cost": [1.0, 2.0, 4.0, 100.0], "price": [10.0, 11.0, 12.0, 500.0], "category": "x"})
    imputer = fitted(rows)
    imputer.neighbours_ = 3
    assert imputer.predict(pd.DataFrame({"price": [11.0], "category": ["x"]})) == pytest.approx([7 / 3])


def test_the_order_of_rows_does_not_matter() -> None:
    """Many rows are equally near; all of them count."""
    rows = products(300).round({"price": -2})
    missing = products(40, seed=2).round({"price": -2})
    shuffled = rows.sample(frac=1, random_state=3)
    assert fitted(rows).predict(missing) == pytest.approx(fitted(shuffled).predict(missing), rel=1e-12)


@pytest.mark.parametrize(
    "costs, expected",
    [
        ([], np.nan),
        ([None, None], np.nan),
        (["n/a", np.inf], np.nan),
        ([None, 5.0], 5.0),
        ([5.0, 5.0, 5.0, 5.0], 5.0),
        (["4", "6"], 5.0),
    ],
    ids=["empty", "all missing", "none is a number", "one known", "all equal", "two known"],
)
def test_odd_inputs_are_defined(costs: list, expected: float) -> None:
    rows = pd.DataFrame({"cost": costs, "price": [1.0] * len(costs), "category": ["x"] * len(costs)}, dtype=object)
    missing = pd.DataFrame({"price": [1.0, None, "many"], "category": ["x", None, "never seen"]}, dtype=object)
    imputer = fitted(rows)
    assert imputer.predict(missing) == pytest.approx([expected] * 3, nan_ok=True)
    assert imputer.predict(missing.head(0)).shape == (0,)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="price"):
        fitted(pd.DataFrame({"cost": [1.0], "category": ["x"]}))


def test_without_features_it_is_the_mean_of_all() -> None:
    imputer = NearestRowsImputer("cost").fit(pd.DataFrame({"cost": [1.0, 2.0, 6.0]}))
    assert imputer.predict(pd.DataFrame(index=range(2))) == pytest.approx([3, 3])


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many rows are compared with a bounded sample, a block at a time; the blocks do not show."""
    rows = products(400)
    whole = fitted(rows).predict(rows)
    monkeypatch.setattr(imputation, "BLOCK_ROWS", 7)
    assert fitted(rows).predict(rows) == pytest.approx(whole)
    assert all(differences.shape[0] <= 7 for differences, _ in fitted(rows)._blocks(rows))
    monkeypatch.setattr(imputation, "MAX_REFERENCE", 50)
    assert len(fitted(rows).values_) == 50


def test_the_demos_costs_are_estimated_better_than_by_means(spark_cluster: harness.Server) -> None:
    rows = spark_cluster.query(
        "select cast(unit_cost as double), cast(list_price as double), category, brand "
        "from marketing_staging.stg_shop__products order by product_id"
    )
    frame = pd.DataFrame(rows, columns=["unit_cost", "list_price", "category", "brand"])
    errors = held_out_errors(frame, "unit_cost", ["list_price"], ["category", "brand"])
    print("\n" + "\n".join(f"| {method} | {error:.2f} |" for method, error in errors.items()))
    assert errors["nearest rows"] < 0.5 * min(errors["group mean"], errors["mean"])


def test_spark_estimates_what_pandas_does(spark) -> None:
    """As the model calls it: decimals in Spark, estimates for rows without a cost alone; none if no cost is known."""
    cloudpickle.register_pickle_by_value(precision_marketing)  # as pickle_by_value of the model does
    rows = products(200).round(2).assign(product_id=[f"p{number}" for number in range(200)])
    rows["given"] = rows["cost"].where(rows.index % 4 > 0)
    table = spark.createDataFrame(rows[["product_id", "price", "category"]].assign(cost=rows["given"].astype(str)))
    typed = table.selectExpr("product_id", "price", "category", "cast(nullif(cost, 'nan') as decimal(18, 4)) as cost")
    found = imputation.estimate_missing(typed, "product_id", "cost", ["price"], ["category"]).toPandas()
    missing = rows[rows["given"].isna()]
    expected = fitted(rows.assign(cost=rows["given"])).predict(missing)
    assert found.set_index("product_id")["cost"][missing["product_id"]].to_numpy() == pytest.approx(expected)
    assert len(found) == len(missing) == 50
    unknown = typed.selectExpr("product_id", "price", "category", "cast(null as decimal(18, 4)) as cost")
    assert imputation.estimate_missing(unknown, "product_id", "cost", ["price"], ["category"]).count() == 0
