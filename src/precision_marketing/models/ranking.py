"""How good a ranking of products is on baskets that its model did not see, and which candidate ranks best.

Source: Järvelin and Kekäläinen 2002 (nDCG).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from precision_marketing.models.inputs import require_columns
from precision_marketing.models.recommendations import (
    EASE,
    PURCHASE,
    TOP_N,
    ItemPearson,
    Popularity,
    RankingModel,
    ShrunkCosine,
    recommend,
)
from precision_marketing.models.training import Metric, SettingError, is_surely_ahead

BASELINE = "popularity"
FAMILIES = (BASELINE, "shrunk_cosine", "item_pearson", "ease")
PENALTIES = (50, 100, 200, 400, 800)
TRENDS = (30, 60, 120)  # days
HALF_LIVES = (30, 90)
RESUME = (2, 5, 10)

# Protocols of evaluation -----------------------------------------------------------------------------


def unseen(truth: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """customer_id and product_id of the truth, once each, without what the customer has in the history."""
    pairs = truth[["customer_id", "product_id"]].drop_duplicates(ignore_index=True)
    before = history[["customer_id", "product_id"]].drop_duplicates().assign(seen=True)
    return pairs[pairs.merge(before, how="left")["seen"].isna().to_numpy()].reset_index(drop=True)


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


class Trial(NamedTuple):
    """A candidate: its name, an unfitted model, and how many places it gives to what the customer left unbought."""

    name: str
    model: RankingModel
    resume: int = 0


class Choice(NamedTuple):
    """The chosen trial, its model fitted to all that is known, and how the candidates did.

    ndcg: (customers of the validation, candidates), nDCG at k, columns in the order of the trials. metrics: by name of
    the trial, as ``evaluate`` gives them, and ``ndcg_gain``, what it has over popularity; that of the chosen one is of
    what the *other* half of the customers would have chosen, so that nobody had a part in the choice that he judges.
    """

    name: str
    model: RankingModel
    resume: int
    ndcg: pd.DataFrame
    trials: Mapping[str, Trial]
    metrics: Mapping[str, list[Metric]]


def families(names: Sequence[str] = FAMILIES) -> list[list[Trial]]:
    """The candidates of each family, popularity first; EASE by strength of its penalty.

    Raises ValueError for a name that is not in ``FAMILIES``.
    """
    unknown = sorted(set(names) - set(FAMILIES))
    if unknown:
        raise SettingError(f"no such candidate: {', '.join(unknown)}; there are {', '.join(FAMILIES)}")
    made: dict[str, list[RankingModel]] = {
        "shrunk_cosine": [ShrunkCosine()],
        "item_pearson": [ItemPearson()],
        "ease": [EASE(penalty) for penalty in PENALTIES],
    }
    named = [[Trial(f"{name}_{model.params().get('regularization', '')}".rstrip("_"), model) for model in made[name]]
             for name in FAMILIES if name in names and name in made]  # fmt: skip
    return [[Trial(BASELINE, Popularity())], *named]


def choose_model(
    history: pd.DataFrame,
    validation: pd.DataFrame,
    names: Sequence[str] = FAMILIES,
    k: int = TOP_N,
    full_history: pd.DataFrame | None = None,
    products: int | None = None,
) -> Choice:
    """The rule by which a recommender is chosen, here and in the warehouse: the highest mean nDCG at k.

    history, validation: what was known, and the pairs of customer_id and product_id to be found, as ``explicit_split``
    returns them. All customers of the validation who have a history are asked: first about each family's parameters;
    then, where the history has ``age_days``, about how fast EASE forgets trends and how fast the best model forgets a
    customer's past; then about the places for what was left unbought, where anything was. The baseline, popularity,
    stands unless the choice beats it by more than one standard error on customers that had no part in the choice.
    Without a customer to ask it stands, too.

    full_history: all that is known, by default history. products: size of the catalogue, by default what the history
    holds. Raises ValueError as ``families`` does.
    """
    products = history["product_id"].nunique() if products is None else products
    asked = history[history["customer_id"].isin(validation["customer_id"])]
    truth = validation[validation["customer_id"].isin(asked["customer_id"])]
    trials: dict[str, Trial] = {}
    found: dict[str, pd.Series] = {}
    metrics: dict[str, list[Metric]] = {}
    popular = recommend(asked, Popularity().fit(history), k)

    def try_out(trial: Trial) -> None:
        trials[trial.name], metrics[trial.name] = trial, []
        if len(truth):
            suggested = recommend(asked, replace(trial.model).fit(history), k, resume=trial.resume)
            found[trial.name] = ndcg_at_k(suggested, truth, k)
            gain = gain_metric(found[trial.name] - found[BASELINE])
            metrics[trial.name] = [*evaluate(suggested, truth, products, k, popular), gain]

    def best() -> Trial:
        return trials[max(trials, key=lambda name: found[name].mean() if name in found else 0.0)]

    for family in families(names):
        for trial in family:
            try_out(trial)
    if len(truth):
        if "age_days" in history.columns:
            leading = best()
            for days in TRENDS if isinstance(leading.model, EASE) else ():
                try_out(Trial(f"{leading.name}_trend_{days}d", replace(leading.model, trend_half_life_days=days)))
            leading = best()
            for days in HALF_LIVES if leading.name != BASELINE else ():
                model = replace(leading.model, half_life_days=days)
                try_out(Trial(f"{leading.name}_{days}d", model))
        unbought = asked.groupby(["customer_id", "product_id"])["strength"].max() < PURCHASE
        if unbought.any():
            leading = best()
            for trial in {leading.name: leading, BASELINE: trials[BASELINE]}.values():
                for places in (places for places in RESUME if places <= k):
                    try_out(Trial(f"{trial.name}_resume_{places}", trial.model, places))
    ndcg, chosen = pd.DataFrame(found), BASELINE
    if len(ndcg):
        gain = gain_metric(_chosen_by_the_others(ndcg) - ndcg[BASELINE])
        if is_surely_ahead(gain):
            chosen = best().name
            metrics[chosen][-1] = gain
    trial = trials[chosen]
    fitted = replace(trial.model).fit(history if full_history is None else full_history)
    return Choice(chosen, fitted, trial.resume, ndcg, trials, metrics)


def gain_metric(gain: pd.Series) -> Metric:
    """Mean (customers,) difference of nDCG to the baseline's, with its bootstrap interval."""
    low, high = bootstrap_interval(gain.to_numpy())
    return Metric("ndcg_gain", float(gain.mean()), low, high, 0.0, len(gain))


def _chosen_by_the_others(ndcg: pd.DataFrame) -> pd.Series:
    """Each customer's nDCG by the candidate that is best among the other half of the customers."""
    is_first = np.arange(len(ndcg)) % 2 == 0
    honest = pd.Series(np.nan, index=ndcg.index)
    for half in (is_first, ~is_first):
        others = ndcg[~half] if (~half).any() else ndcg
        honest[half] = ndcg.loc[half, others.mean().idxmax()]
    return honest
