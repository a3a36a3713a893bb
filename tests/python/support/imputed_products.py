"""Products with planted costs, and the errors of estimating them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from precision_marketing.models.imputation import NearestRowsImputer

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
