"""How good a ranking of products is on baskets that its model did not see, and which candidate ranks best.

Source: Järvelin and Kekäläinen 2002 (nDCG).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from precision_marketing.models.inputs import require_columns
from precision_marketing.models.recommendations import (
    EASE,
    MAX_EASE_PRODUCTS,
    PURCHASE,
    TOP_N,
    RankingModel,
    ShrunkCosine,
    checked_history,
    recommend,
)
from precision_marketing.models.training import Metric

# Protocols of evaluation -----------------------------------------------------------------------------


def unseen(truth: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """customer_id and product_id of the truth, once each, without what the customer has in the history."""
    pairs = truth[["customer_id", "product_id"]].drop_duplicates(ignore_index=True)
    before = history[["customer_id", "product_id"]].drop_duplicates().assign(seen=True)
    return pairs[pairs.merge(before, how="left")["seen"].isna().to_numpy()].reset_index(drop=True)


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


def explicit_split(
    ratings: pd.DataFrame, test_share: float = 0.25, random_state: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """History and truth from ratings: of each customer a random ``test_share`` is held out, rounded to whole products.

    ratings: customer_id, product_id, one row each, in any order; what else they hold is not used: every rated product
    counts as chosen (strength 2), and every one held out as relevant. Returns the history (``HISTORY_COLUMNS``) and the
    truth (customer_id, product_id). Raises ValueError unless 0 < test_share < 1.
    """
    require_columns(ratings, ["customer_id", "product_id"], "the ratings")
    if not 0 < test_share < 1:
        raise ValueError(f"test_share must lie between 0 and 1, not {test_share}")
    pairs = ratings[["customer_id", "product_id"]].drop_duplicates().sort_values(["customer_id", "product_id"])
    pairs = pairs.sample(frac=1, random_state=random_state)
    groups = pairs.groupby("customer_id")["product_id"]
    held_out = groups.cumcount() < (groups.transform("size") * test_share).round()
    history = pairs[~held_out].assign(strength=PURCHASE).sort_values(["customer_id", "product_id"], ignore_index=True)
    return history, pairs[held_out].sort_values(["customer_id", "product_id"], ignore_index=True)


# Metrics ---------------------------------------------------------------------------------------------


def _hits(recommended: pd.DataFrame, truth: pd.DataFrame, k: int) -> tuple[pd.DataFrame, pd.Series]:
    """The rows among the first k that are true, and the number of true products per customer."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    require_columns(recommended, ["customer_id", "product_id", "rank"], "the recommendations")
    require_columns(truth, ["customer_id", "product_id"], "the truth")
    pairs = truth[["customer_id", "product_id"]].drop_duplicates()
    return recommended[recommended["rank"] <= k].merge(pairs), pairs.groupby("customer_id").size()


def ndcg_at_k(recommended: pd.DataFrame, truth: pd.DataFrame, k: int = TOP_N) -> pd.Series:
    """Normalised discounted cumulative gain, 0 to 1, per customer of the truth; 0 without recommendations.

    A hit at rank r counts 1 / log2(r + 1); 1 is reached when the first places, min(k, true products), are all hits.
    """
    hits, relevant = _hits(recommended, truth, k)
    discount = 1 / np.log2(np.arange(2, k + 2))
    gain = (
        pd.Series(discount[hits["rank"].to_numpy(dtype=int) - 1], index=hits.index).groupby(hits["customer_id"]).sum()
    )
    ideal = discount.cumsum()[np.minimum(relevant.to_numpy(dtype=int), k) - 1]
    return gain.reindex(relevant.index, fill_value=0.0) / ideal


def recall_at_k(recommended: pd.DataFrame, truth: pd.DataFrame, k: int = TOP_N) -> pd.Series:
    """Share of the true products that are among the first k, per customer of the truth; 0 without recommendations."""
    hits, relevant = _hits(recommended, truth, k)
    return hits.groupby("customer_id").size().reindex(relevant.index, fill_value=0) / relevant


def coverage(recommended: pd.DataFrame, products: int, k: int = TOP_N) -> float:
    """Share of ``products`` (their number) that is among the first k of some customer; NaN without products."""
    return recommended.loc[recommended["rank"] <= k, "product_id"].nunique() / products if products else float("nan")


def bootstrap_interval(values: np.ndarray, draws: int = 2_000, random_state: int = 0) -> tuple[float, float]:
    """95% percentile interval of the mean of (n,) values, customers drawn anew; NaN for none."""
    values = np.asarray(values, dtype=float)
    if len(values) == 0:
        return float("nan"), float("nan")
    rng = np.random.default_rng(random_state)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(draws)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def evaluate(
    recommended: pd.DataFrame,
    truth: pd.DataFrame,
    products: int,
    k: int = TOP_N,
    baseline: pd.DataFrame | None = None,
    random_state: int = 0,
) -> list[Metric]:
    """nDCG, recall and coverage at k of recommendations to the customers of the truth.

    products: size of the catalogue. baseline: recommendations of the naive model (``Popularity``) to the same
    customers. The intervals are ``bootstrap_interval`` over customers; coverage has none, as a resample of the
    customers covers less by construction. No customers: no metrics.
    """
    asked = truth["customer_id"].drop_duplicates()
    if asked.empty:
        return []
    recommended = recommended[recommended["customer_id"].isin(asked)]
    metrics = []
    for name, metric in (("ndcg", ndcg_at_k), ("recall", recall_at_k)):
        values = metric(recommended, truth, k)
        naive = None if baseline is None else float(metric(baseline, truth, k).mean())
        low, high = bootstrap_interval(values.to_numpy(), random_state=random_state)
        metrics.append(Metric(f"{name}_at_{k}", float(values.mean()), low, high, naive, len(asked)))
    naive = None if baseline is None else coverage(baseline[baseline["customer_id"].isin(asked)], products, k)
    return [*metrics, Metric(f"coverage_at_{k}", coverage(recommended, products, k), None, None, naive, len(asked))]


# Choice of the model ---------------------------------------------------------------------------------


class Choice(NamedTuple):
    """The model chosen, fitted to all that is known, and one row per candidate: model, parameters, ndcg, chosen."""

    model: RankingModel
    candidates: pd.DataFrame


def default_candidates(products: int, has_age: bool) -> list[RankingModel]:
    """The models worth a trial for a catalogue of so many products: EASE as far as it can be inverted."""
    half_lives = (None, 90.0) if has_age else (None,)
    shrunk: list[RankingModel] = [ShrunkCosine(*values) for values in product((0.0, 10.0), half_lives, (10, 20))]
    if products > MAX_EASE_PRODUCTS:
        return shrunk
    return shrunk + [EASE(*values) for values in product((50.0, 100.0, 200.0, 400.0), half_lives)]


def choose_model(
    history: pd.DataFrame,
    validation: pd.DataFrame,
    candidates: Sequence[RankingModel] | None = None,
    k: int = TOP_N,
    full_history: pd.DataFrame | None = None,
) -> Choice:
    """The candidate with the highest mean nDCG at k on the validation, fitted again to ``full_history``.

    history, validation: as ``leave_last_basket_out`` returns them. candidates: unfitted models, left untouched, by
    default ``default_candidates``; of equal ones the first wins. full_history: all that is known, by default history.
    Raises ValueError without candidates.
    """
    if candidates is None:
        candidates = default_candidates(checked_history(history)["product_id"].nunique(), "age_days" in history.columns)
    if not candidates:
        raise ValueError("there is no model to choose from")
    asked = history[history["customer_id"].isin(validation["customer_id"])]
    ndcg = [
        ndcg_at_k(recommend(asked, replace(model).fit(history), k), validation, k).mean() for model in candidates
    ]  # fmt: skip
    best = int(np.argmax(np.nan_to_num(ndcg, nan=-1.0)))
    params = [model.params() for model in candidates]
    table = pd.DataFrame(
        {
            "model": [values.pop("model") for values in params],
            "parameters": [json.dumps(values) for values in params],
            "ndcg": np.array(ndcg, dtype=float),
            "chosen": np.arange(len(candidates)) == best,
        }
    )
    return Choice(replace(candidates[best]).fit(history if full_history is None else full_history), table)
