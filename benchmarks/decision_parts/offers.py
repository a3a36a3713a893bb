"""Offers: what the assignment earns on planted uplift, what Complete Journey can tell, and a million customers.

The simulator plants what an offer changes. Past customers were drawn at random into a control and the offers of each
campaign; the models learn from them, and new customers are assigned. Nobody is asked what he would have done: profits
are true expectations under the plant.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from decision_parts.figure import Figure
from precision_marketing.models.encoding import Features
from precision_marketing.models.offer_prices import SAMPLE, Plan, plan_chunks
from precision_marketing.models.offers import Chunk, Offers, decide, offer_profit, read_chunk, read_offers
from precision_marketing.models.uplift import TrainedUplift, train_uplift
from precision_marketing.models.uplift_learners import CANDIDATES

FEATURES = Features(("recency", "frequency", "age"), ("segment",))
SEGMENTS = ("regular", "lapsing", "deal_seeker", "loyal")
MARGIN = 30.0
CATALOGUE = pd.DataFrame({
    "offer_id": ["spring_5", "spring_8", "gift", "points"], "campaign_id": ["spring", "spring", "club", "club"],
    "discount": [5.0, 8.0, 4.0, 3.0], "contact_cost": [0.2, 0.2, 0.5, 0.1],
})  # fmt: skip
SEEDS = 5
PAST, NEW = 16_000, 6_000  # customers of each experiment, and to be assigned
TRIED = tuple(name for name in CANDIDATES if name not in ("x_boosted", "class_boosted"))  # for time

# Planted uplift --------------------------------------------------------------------------------------


def simulate_customers(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Features, chances to buy without an offer (n,) and with each offer of ``CATALOGUE`` (n, 4).

    Lapsing customers, most in middle recency, and deal seekers are moved; loyal ones buy anyway and are annoyed.
    """
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "customer_id": [f"{seed}-{number}" for number in range(n)], "recency": rng.gamma(2, 30, n),
        "frequency": rng.poisson(4, n).astype(float), "age": rng.uniform(18, 80, n),
        "segment": rng.choice(SEGMENTS, n, p=[0.4, 0.2, 0.2, 0.2]),
    })  # fmt: skip
    recency, frequency = frame["recency"].to_numpy(), frame["frequency"].to_numpy()
    is_in = {name: (frame["segment"] == name).to_numpy(float) for name in SEGMENTS}
    before = expit(-2.2 + 0.12 * frequency - 0.01 * recency + 1.6 * is_in["loyal"] + 0.3 * is_in["deal_seeker"])
    middle = np.exp(-(((recency - 60) / 40) ** 2))
    moved = {
        "spring_5": 0.16 * middle * is_in["lapsing"] + 0.18 * is_in["deal_seeker"] - 0.04 * is_in["loyal"] + 0.01,
        "spring_8": 0.30 * middle * is_in["lapsing"] + 0.24 * is_in["deal_seeker"] - 0.04 * is_in["loyal"] + 0.01,
        "gift": 0.20 * (frame["age"].to_numpy() > 50) * (1 - is_in["loyal"]) - 0.03 * is_in["deal_seeker"],
        "points": 0.10 * expit(frequency - 5) + 0.03 * is_in["regular"] - 0.02 * is_in["lapsing"],
    }
    after = np.clip(before[:, None] + np.column_stack([moved[name] for name in CATALOGUE["offer_id"]]), 0.001, 0.999)
    return frame, before, after


def simulate_experiment(offer: int, n: int, seed: int) -> pd.DataFrame:
    """n customers of an experiment with one offer of ``CATALOGUE``: features, treated (half of them), bought."""
    frame, before, after = simulate_customers(n, seed)
    rng = np.random.default_rng(seed + 1)
    treated = rng.integers(0, 2, n)
    bought = rng.uniform(size=n) < np.where(treated == 1, after[:, offer], before)
    return frame.assign(treated=treated, bought=bought.astype(int))


def planted_offers(customers: int) -> Offers:
    """The catalogue with limits in proportion to the customers: about a third can be served."""
    stock = [np.nan, 0.12 * customers, 0.15 * customers, np.nan]
    return read_offers(CATALOGUE.assign(stock=stock), 0.45 * customers, {"spring": 0.3 * customers}, frequency_cap=1)


def profits(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 4) incremental profit and cost by chances without (n,) or (n, 4), and with each offer (n, 4)."""
    before = before if before.ndim == 2 else before[:, None]
    money = (CATALOGUE[name].to_numpy() for name in ("discount", "contact_cost"))
    return offer_profit(before, after, MARGIN, *money)


def train_offers(n: int, seed: int, candidates: Sequence[str] = TRIED) -> list[TrainedUplift]:
    """One experiment with n customers, and one training, per offer."""
    made = (simulate_experiment(offer, n, seed + 10 * offer) for offer in range(len(CATALOGUE)))
    return [train_uplift(own, "treated", "bought", FEATURES, "customer_id", candidates=candidates) for own in made]


def believed_profits(trained: list[TrainedUplift], frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(n, 4) incremental profit and cost as the models see them."""
    told = [one.model.explain(frame) for one in trained]
    return profits(*(np.column_stack([one[name] for one in told]) for name in ("without_offer", "with_offer")))


def given_offers(frame: pd.DataFrame, values: np.ndarray, costs: np.ndarray, offers: Offers) -> tuple[np.ndarray, Plan]:
    """Which offers (n, J) the plan for values and costs (n, J) gives, and the plan."""
    chunk = read_chunk(frame["customer_id"].to_numpy(), values, costs, offers)
    found = plan_chunks(chunk, offers, len(frame), lambda: [chunk])
    rows = decide(chunk, offers, found.prices, found.dropped).dropna(subset="offer_id")
    row = pd.Index(frame["customer_id"]).get_indexer(rows["customer_id"])
    given = np.zeros(values.shape, dtype=bool)
    given[row, pd.Index(offers.offer_ids).get_indexer(rows["offer_id"])] = True
    return given, found


def oracle_profit(
    frame: pd.DataFrame, truth: np.ndarray, costs: np.ndarray, offers: Offers, given: np.ndarray
) -> float:
    """Profit of the plan that knows the planted uplift and may spend what the limits, or the given offers, do.

    A plan of models keeps its budgets by what they believe to be the costs, so it may spend a little more.
    """
    spent = offers.takes_money @ (costs * given).sum(axis=0)
    known, _ = given_offers(frame, truth, costs, replace(offers, capacities=np.maximum(offers.capacities, spent)))
    return float(truth[known].sum())


def ranked_profit(
    score: np.ndarray, preferred: list[int], costs: np.ndarray, offers: Offers, truth: np.ndarray
) -> float:
    """True expected profit if customers, highest score (n,) first, get the first of the preferred offers that fits."""
    used, total = np.zeros(len(offers.limits)), 0.0
    for row in np.argsort(-score, kind="stable"):
        for offer in preferred:
            more = used + offers.takes_money[:, offer] * costs[row, offer] + offers.takes_units[:, offer]
            if (more <= offers.capacities).all():
                used, total = more, total + truth[row, offer]
                break
    return total


def planted_shares(seed: int, past: int = PAST, new: int = NEW) -> dict[str, float]:
    """Shares of the oracle's profit, 0 for treating nobody, and what else is to be known of one simulation.

    ours; propensity: the likeliest buyers first; random: customers in random order; both give the offers that pay on
    average, best first, while limits last; unlimited: the same offer for everybody, the truly best, whatever it costs;
    oracle: ``oracle_profit``, in money per customer; gap: of our plan to its bound;
    promised: what our plan says it brings, over what it truly does; spent: what it truly spends, over the budget;
    sure: share of the offers whose uplift is sure.
    """
    trained = train_offers(past, 1_000 * (seed + 1))
    frame, before, after = simulate_customers(new, 999_000 + seed)
    offers = planted_offers(new)
    truth, costs = profits(before, after)
    values, believed_costs = believed_profits(trained, frame)
    given, found = given_offers(frame, values, believed_costs, offers)
    ours, oracle = truth[given].sum(), oracle_profit(frame, truth, costs, offers, given)
    likely = trained[0].model.explain(frame)["without_offer"].to_numpy()
    average = values.mean(axis=0)
    preferred = [int(offer) for offer in np.argsort(-average) if average[offer] > 0]
    shuffled = np.random.default_rng(seed).uniform(size=new)
    return {
        "ours": ours / oracle, "propensity": ranked_profit(likely, preferred, costs, offers, truth) / oracle,
        "random": ranked_profit(shuffled, preferred, costs, offers, truth) / oracle,
        "unlimited": truth.sum(axis=0).max() / oracle, "oracle": oracle / new, "gap": found.gap,
        "promised": found.profit / ours, "spent": costs[given].sum() / offers.capacities[0],
        "sure": float(np.mean([one.is_sure for one in trained])),
    }  # fmt: skip


# Complete Journey ------------------------------------------------------------------------------------

HISTORY = Features(
    (
        "spend_per_week",
        "trips_per_week",
        "coupon_products_before",
        "campaigns_before",
        "redemptions_before",
        "campaign",
    ),
    ("campaign", "campaign_type", "age", "income", "household_size"),
)


def coupon_panel(data: Path, is_placebo: bool = False) -> pd.DataFrame:
    """One row per campaign and household: treated (it was sent the campaign), bought (a product of its coupons between
    start and end), and ``HISTORY``, all from before. Placebo: the time of the same length just before the start, when
    nothing had been sent.
    """
    folder = data / "completejourney"
    read = {name: pd.read_csv(folder / f"{name}.csv.gz") for name in
            ("campaign_descriptions", "campaigns", "coupon_redemptions", "coupons", "demographics",
             "transactions_sample")}  # fmt: skip
    lines, sent = read["transactions_sample"], read["campaigns"]
    lines["day"] = pd.to_datetime(lines["transaction_timestamp"]).dt.normalize()
    redeemed = read["coupon_redemptions"].assign(day=lambda rows: pd.to_datetime(rows["redemption_date"]))
    dates = read["campaign_descriptions"].set_index("campaign_id")
    starts, ends = (pd.to_datetime(dates[name]) for name in ("start_date", "end_date"))
    households = np.sort(lines["household_id"].unique())
    people = read["demographics"].set_index("household_id").reindex(households)[["age", "income", "household_size"]]
    panels = []
    for campaign, products in read["coupons"].groupby("campaign_id")["product_id"]:
        start, end = starts[campaign], ends[campaign]
        if is_placebo:
            start, end = start - (end - start) - pd.Timedelta(days=1), start - pd.Timedelta(days=1)
        weeks = (start - lines["day"].min()).days / 7
        if weeks < 8:
            continue
        past = lines[lines["day"] < start]
        during = lines[lines["day"].between(start, end) & lines["product_id"].isin(products)]
        earlier = sent[sent["campaign_id"].map(starts) < start]
        own = pd.DataFrame({
            "spend_per_week": past.groupby("household_id")["sales_value"].sum() / weeks,
            "trips_per_week": past.groupby("household_id")["basket_id"].nunique() / weeks,
            "coupon_products_before": past[past["product_id"].isin(products)].groupby("household_id").size() / weeks,
            "campaigns_before": earlier.groupby("household_id").size(),
            "redemptions_before": redeemed[redeemed["day"] < start].groupby("household_id").size(),
        }).reindex(households).fillna(0.0)  # fmt: skip
        own["household_id"], own["campaign"] = households, campaign
        own["campaign_type"] = dates.loc[campaign, "campaign_type"]
        own["treated"] = np.isin(households, sent.loc[sent["campaign_id"] == campaign, "household_id"]).astype(int)
        own["bought"] = np.isin(households, during["household_id"]).astype(int)
        panels.append(own.join(people))
    return pd.concat(panels, ignore_index=True)


def train_coupons(panel: pd.DataFrame) -> TrainedUplift:
    """The uplift of being sent a campaign, not as an experiment: there was none."""
    return train_uplift(panel, "treated", "bought", HISTORY, "household_id", is_experiment=False)


# A million customers ---------------------------------------------------------------------------------


def million_chunks(customers: int, offers: Offers, size: int = 50_000) -> Iterator[Chunk]:
    """Made-up profits and costs (customers, J): three tastes that offers meet to a different degree, a fifth without
    consent; chunk by chunk, always the same.
    """
    count = len(offers.offer_ids)
    meets = np.random.default_rng(1).normal(0, 1, (3, count))
    for number, start in enumerate(range(0, customers, size)):
        rng = np.random.default_rng([2, number])
        n = min(size, customers - start)
        values = rng.normal(0, 1, (n, 3)) @ meets
        values[rng.uniform(size=values.shape) < 0.2] = np.nan
        yield read_chunk(np.arange(start, start + n), values, rng.uniform(0.5, 2, values.shape), offers)


def plan_million(customers: int = 1_000_000, count: int = 20) -> tuple[Plan, float, float]:
    """The plan for many customers and ``count`` offers in five campaigns, its seconds, and the peak memory of the
    whole process so far in MB.
    """
    frame = pd.DataFrame({"offer_id": [f"offer {j}" for j in range(count)], "stock": 0.02 * customers})
    frame["campaign_id"] = [f"campaign {j % 5}" for j in range(count)]
    offers = read_offers(frame, 0.2 * customers, {"campaign 0": 0.03 * customers}, frequency_cap=2)
    first = next(million_chunks(customers, offers))  # any chunk is a random sample here
    sample = Chunk(*(part[: min(SAMPLE, customers)] for part in first))
    start = time.perf_counter()
    found = plan_chunks(sample, offers, customers, lambda: million_chunks(customers, offers))
    given = np.zeros(count)
    for chunk in million_chunks(customers, offers):
        rows = decide(chunk, offers, found.prices, found.dropped)
        given += rows["offer_id"].value_counts().reindex(offers.offer_ids, fill_value=0).to_numpy()
    if given.sum() != found.picks or (given > 0.02 * customers).any():
        raise AssertionError("the decided rows are not those of the plan")
    seconds = time.perf_counter() - start
    return found, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


# Figures ---------------------------------------------------------------------------------------------


def _over_seeds(values: pd.Series, form: str = "{:.1%}") -> tuple[str, str]:
    half = stats.t.ppf(0.975, len(values) - 1) * values.std() / np.sqrt(len(values))
    return form.format(values.mean()), f"{form.format(values.mean() - half)} to {form.format(values.mean() + half)}"


def figures(data: Path) -> list[Figure]:
    """What the assignment of offers shows, with baselines, the best possible and intervals."""
    runs = pd.DataFrame([planted_shares(seed) for seed in range(SEEDS)])
    mean, oracle = runs.mean(), f"100% ({runs['oracle'].mean():.2f} per customer)"
    found = [
        Figure(
            f"planted uplift: share of the oracle's gain, {SEEDS} seeds",
            f"nobody 0%, random order {mean['random']:.1%}, likeliest buyers {mean['propensity']:.1%}, "
            f"everybody without limits {mean['unlimited']:.1%}",
            ours, oracle, interval,
            f"{PAST:,} customers per experiment, {NEW:,} assigned; largest gap to the bound {runs['gap'].max():.2%}; "
            f"the plan promises {mean['promised']:.0%} of what it brings and spends {mean['spent']:.0%} of the budget",
        )
        for ours, interval in [_over_seeds(runs["ours"])]
    ]  # fmt: skip
    if (data / "completejourney").is_dir():
        found += coupon_figures(data)
    plan, seconds, memory = plan_million()
    found.append(Figure(
        "1,000,000 customers x 20 offers, one process", "", f"{plan.profit:,.0f}", f"bound {plan.bound:,.0f}",
        f"gap {plan.gap:.2%}", f"{seconds:.0f} s with {plan.passes + 1} passes, process peak {memory:,.0f} MB",
    ))  # fmt: skip
    return found


def coupon_figures(data: Path) -> list[Figure]:
    """Complete Journey: Qini of the campaigns' uplift, and what the same method finds where nothing was sent."""
    trained, placebo = (train_coupons(coupon_panel(data, is_placebo)) for is_placebo in (False, True))
    gain = trained.gain
    leader = trained.table.loc[trained.table["qini"].idxmax()]
    auc = next(metric for metric in trained.training.candidates[0].metrics if metric.metric == "treatment_auc")
    is_sure = gain.ci_low is not None and gain.ci_low > 0
    return [
        Figure(
            "Complete Journey: Qini of being sent a campaign", "0 (all alike)", f"{gain.value:.5f}", "unknown",
            f"{gain.ci_low:.5f} to {gain.ci_high:.5f}",
            ("the interval is above zero" if is_sure else "the interval includes zero: no uplift can be told")
            + f", and the placebo's is {placebo.gain.ci_low:.5f} to {placebo.gain.ci_high:.5f}; best of the candidates "
            f"{leader['candidate']} ({leader['qini']:.5f})",
        ),
        Figure(
            "Complete Journey: average effect of being sent a campaign",
            f"placebo, before it was sent: {placebo.effect.value:.4f} ({placebo.effect.ci_low:.4f} to "
            f"{placebo.effect.ci_high:.4f})",
            f"{trained.effect.value:.4f}", "unknown", f"{trained.effect.ci_low:.4f} to {trained.effect.ci_high:.4f}",
            f"no experiment: features tell who was sent it with ROC-AUC {auc.value:.2f}"
            + ("; who got it bought more before it came, so no effect of a campaign can be told from these data"
               if placebo.effect.ci_low is not None and placebo.effect.ci_low > 0 else ""),
        ),
    ]  # fmt: skip
