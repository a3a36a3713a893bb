"""Missing numbers estimated from the nearest rows: better than means, and defined for every odd input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from imputed_products import CATEGORIES, fitted, held_out_errors, products
from precision_marketing.models import imputation
from precision_marketing.models.imputation import NearestRowsImputer


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
