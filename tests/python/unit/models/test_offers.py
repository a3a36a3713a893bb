"""Offers: prices against linear and integer programs, limits always kept, the same plan in any order and any chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from decision_parts.offers import given_offers, million_chunks, profits, simulate_customers
from precision_marketing.models import offer_prices
from precision_marketing.models.offer_prices import cells_to_drop, fit_prices, plan, plan_chunks, usage
from precision_marketing.models.offers import (
    JITTER,
    TALLY_COLUMNS,
    Chunk,
    Offers,
    assign,
    decide,
    make_prices,
    merge,
    offer_profit,
    pairs_to_chunk,
    read_chunk,
    read_offers,
    tally,
)


def random_offers(rng: np.random.Generator, n: int) -> Offers:
    """Two to six offers in up to three campaigns, each limit there or not, and a cap."""
    count = int(rng.integers(2, 7))
    frame = pd.DataFrame({
        "offer_id": [f"o{j}" for j in range(count)], "campaign_id": rng.choice(["a", "b", "c"], count),
        "stock": np.where(rng.uniform(size=count) < 0.6, rng.integers(0, n, count), np.nan),
    })  # fmt: skip
    budget = None if rng.uniform() < 0.3 else float(rng.uniform(0, n))
    own = {frame["campaign_id"].iloc[0]: float(rng.uniform(0, n / 2))} if rng.uniform() < 0.5 else None
    return read_offers(frame, budget, own, int(rng.integers(1, 4)))


def random_chunk(rng: np.random.Generator, n: int, offers: Offers, kind: str = "smooth") -> Chunk:
    """Profits of which some are missing and some negative; 'tied': whole numbers, as of a few segments."""
    shape = (n, len(offers.offer_ids))
    values = rng.normal(1, 2, shape) if kind == "smooth" else rng.integers(-1, 3, shape).astype(float)
    values[rng.uniform(size=shape) < 0.2] = np.nan
    costs = rng.uniform(0, 3, shape) if kind == "smooth" else rng.integers(0, 3, shape).astype(float)
    return read_chunk(np.array([f"c{i}" for i in range(n)]), values, costs, offers)


def program(chunk: Chunk, offers: Offers, is_whole: bool) -> float:
    """The optimum, as written in the module's head, by scipy: of the integer program or of the linear one."""
    n, count = chunk.values.shape
    rows, right = [], []
    for money, units, capacity in zip(offers.takes_money, offers.takes_units, offers.capacities, strict=True):
        rows.append((chunk.costs * money + units).ravel())
        right.append(capacity)
    for i in range(n):
        for own in [np.ones(count, bool), *(offers.campaign == c for c in np.unique(offers.campaign))]:
            row = np.zeros((n, count))
            row[i] = own
            rows.append(row.ravel())
            right.append(offers.frequency_cap if own.all() and len(np.unique(offers.campaign)) > 1 else 1)
    # A pair that does not fit by itself is out of both programs: no plan in whole offers has it.
    fits = (chunk.costs <= offers.most_money()) & (offers.most_units() >= 1) & ~np.isnan(chunk.values)
    bounds = optimize.Bounds(0, fits.astype(float).ravel())
    found = optimize.milp(
        -np.nan_to_num(chunk.values).ravel(), integrality=np.full(n * count, int(is_whole)), bounds=bounds,
        constraints=optimize.LinearConstraint(np.array(rows), ub=np.array(right)),
    )  # fmt: skip
    assert found.status == 0
    return -found.fun


def keeps_all_limits(rows: pd.DataFrame, chunk: Chunk, offers: Offers) -> None:
    """Budgets, stock, one per campaign, cap and consent, counted from the decided rows."""
    given = rows.dropna(subset="offer_id")
    row = pd.Index(chunk.customers).get_indexer(given["customer_id"])
    column = pd.Index(offers.offer_ids).get_indexer(given["offer_id"])
    assert np.isfinite(chunk.values[row, column]).all() and (chunk.values[row, column] > 0).all()
    assert (given["campaign_id"] == offers.campaign_ids[column]).all()
    assert not given.duplicated(["customer_id", "campaign_id"]).any()
    assert (np.bincount(row, minlength=len(chunk.caps)) <= chunk.caps).all()
    used = (offers.takes_money[:, column] * chunk.costs[row, column] + offers.takes_units[:, column]).sum(axis=1)
    assert (used <= offers.capacities * (1 + 1e-8)).all()
    assert set(rows["customer_id"]) == set(chunk.customers)
    assert rows["reason"].str.len().gt(0).all()


@pytest.mark.parametrize("seed", range(25))
def test_the_bound_is_the_linear_optimum_and_the_plan_is_within_the_gap_of_the_best(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 25))
    offers = random_offers(rng, n)
    chunk = random_chunk(rng, n, offers, "smooth" if seed % 2 else "tied")
    found = plan_chunks(chunk, offers, n, lambda: [chunk])
    linear, whole = program(chunk, offers, False), program(chunk, offers, True)
    ties = 2 * JITTER * found.prices.typical * n * offers.frequency_cap
    assert linear - 1e-6 <= found.bound <= linear + ties + 1e-6
    assert found.profit <= whole + 1e-6 <= linear + 2e-6
    assert whole - found.profit <= found.gap * found.bound + 1e-6
    rows = decide(chunk, offers, found.prices, found.dropped)
    keeps_all_limits(rows, chunk, offers)
    assert rows["expected_profit"].sum() == pytest.approx(found.profit)
    assert found.picks == rows["offer_id"].notna().sum()


def test_without_ties_the_bound_is_the_linear_optimum_to_six_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jitter is all that is between them."""
    monkeypatch.setattr("precision_marketing.models.offers.JITTER", 0.0)
    for seed in range(12):
        rng = np.random.default_rng(100 + seed)
        offers = random_offers(rng, 20)
        chunk = random_chunk(rng, 20, offers)
        found = plan_chunks(chunk, offers, 20, lambda chunk=chunk: [chunk])
        assert found.bound == pytest.approx(program(chunk, offers, False), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_any_prices_give_a_bound_and_a_plan_that_keeps_every_limit(seed: int) -> None:
    """Also prices of 0, at which nearly everything is exceeded, and prices from nowhere."""
    rng = np.random.default_rng(seed)
    offers = random_offers(rng, 30)
    chunk = random_chunk(rng, 30, offers, "tied" if seed % 2 else "smooth")
    prices = make_prices(rng.uniform(0, 2, len(offers.limits)) * (seed % 3), 1.0, offers)
    total = tally(chunk, offers, prices)
    dropped = cells_to_drop(total, offers)
    assert (usage(total, offers, dropped) <= offers.capacities * (1 + 1e-8)).all()
    keeps_all_limits(decide(chunk, offers, prices, dropped), chunk, offers)
    bound = prices.values @ offers.capacities + total.loc[total["offer"] < 0, "bound"].sum()
    assert bound >= program(chunk, offers, False) - 1e-6


def parts_of(chunk: Chunk, offers: Offers, size: int, order: np.ndarray) -> Iterator[Chunk]:
    """The chunk's customers in another order and in parts, each read by itself."""
    for rows in np.split(order, range(size, len(order), size)):
        yield read_chunk(chunk.customers[rows], chunk.values[rows], chunk.costs[rows], offers)


@pytest.mark.parametrize("kind", ["smooth", "tied"])
def test_order_and_chunks_change_nothing(kind: str) -> None:
    rng = np.random.default_rng(3)
    offers = read_offers(
        pd.DataFrame({"offer_id": list("wxyz"), "campaign_id": list("aabb"), "stock": [40, None, 25, 60]}), 150, None, 2
    )
    chunk = random_chunk(rng, 400, offers, kind)
    sample = next(parts_of(chunk, offers, 150, np.arange(400)))

    def planned(size: int, order: np.ndarray) -> tuple[offer_prices.Plan, pd.DataFrame]:
        found = plan_chunks(sample, offers, 400, lambda: parts_of(chunk, offers, size, order))
        rows = [decide(part, offers, found.prices, found.dropped) for part in parts_of(chunk, offers, size, order)]
        return found, pd.concat(rows).sort_values(["customer_id", "campaign_id"], ignore_index=True)

    first, rows = planned(400, np.arange(400))
    other, shuffled = planned(7, rng.permutation(400))
    pd.testing.assert_frame_equal(rows, shuffled)
    assert (first.dropped == other.dropped).all()
    assert first.passes == 2 and first.gap < 0.1


def test_a_segment_of_equal_customers_is_divided_by_prices() -> None:
    """A thousand alike, a budget for 300, stock for 200 of the better offer: 200 and 100, by hash, not by place."""
    frame = pd.DataFrame({"offer_id": ["good", "fair"], "campaign_id": "a", "stock": [200, None]})
    offers = read_offers(frame, budget=300)
    chunk = read_chunk(np.arange(1_000), np.tile([5.0, 3.0], (1_000, 1)), 1.0, offers)
    found = plan_chunks(chunk, offers, 1_000, lambda: [chunk])
    rows = decide(chunk, offers, found.prices, found.dropped)
    given = rows["offer_id"].value_counts()
    assert found.bound == pytest.approx(1_300, rel=1e-3)
    assert 198 <= given["good"] <= 200 and 298 <= given.sum() <= 300
    assert found.gap < 0.01
    assert 0.2 < rows["offer_id"].notna().to_numpy()[:500].mean() < 0.4


def test_a_sample_suffices() -> None:
    """A fortieth of the customers fixes the prices; one pass corrects them, and every limit is kept."""
    customers = 40_000
    frame = pd.DataFrame({"offer_id": [f"o{j}" for j in range(8)], "campaign_id": list("aabbccdd")})
    offers = read_offers(frame.assign(stock=customers // 20), 0.2 * customers, {"a": 0.03 * customers}, 2)
    sample = Chunk(*(part[:1_000] for part in next(million_chunks(customers, offers))))
    once, twice = (
        plan_chunks(sample, offers, customers, lambda: million_chunks(customers, offers)) if corrections else
        plan(sample, offers, customers,
             lambda prices: merge(tally(c, offers, prices) for c in million_chunks(customers, offers)), 0)
        for corrections in (0, 1)
    )  # fmt: skip
    assert (once.passes, twice.passes) == (1, 2)
    assert twice.gap < 0.015 and twice.gap < once.gap
    for found in (once, twice):
        assert (found.limits["used"] <= found.limits["capacity"] * (1 + 1e-8)).all()
    assert twice.limits["used"].iloc[0] > 0.98 * twice.limits["capacity"].iloc[0]


def test_tallies_add_up_in_any_order() -> None:
    rng = np.random.default_rng(8)
    offers = random_offers(rng, 50)
    chunk = random_chunk(rng, 50, offers)
    prices = fit_prices(chunk, offers)
    parts = [tally(part, offers, prices) for part in parts_of(chunk, offers, 9, rng.permutation(50))]
    whole, added = tally(chunk, offers, prices), merge([merge(parts[3:]), *parts[:3]])
    assert list(whole.columns) == list(TALLY_COLUMNS)
    pd.testing.assert_frame_equal(whole, added)
    assert merge([]).empty


def test_prices_are_what_one_more_unit_brings() -> None:
    """The dual price of a budget against the optimum with a little more of it."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"offer_id": list("xyz"), "campaign_id": list("aab")})
    less, more = (read_offers(frame, amount, None, 2) for amount in (20.0, 20.01))
    chunk = random_chunk(rng, 40, less)
    price = fit_prices(chunk, less).values[0]
    assert price == pytest.approx((program(chunk, more, False) - program(chunk, less, False)) / 0.01, rel=1e-3)


def test_profit_and_cost_of_an_offer_by_hand() -> None:
    """Half of the buyers would have bought anyway and take the discount, too."""
    profit, cost = offer_profit(0.2, 0.4, margin=10.0, discount=3.0, contact_cost=0.1)
    assert (profit, cost) == (pytest.approx(0.4 * 7 - 0.2 * 10 - 0.1), pytest.approx(0.4 * 3 + 0.1))
    assert offer_profit(0.3, 0.3, 10, 1)[0] < 0  # who is not moved only costs
    for arguments, said in [((1.2, 0.4, 1, 1), "without_offer"), ((0.2, -0.1, 1, 1), "with_offer"),
                            ((0.2, 0.4, 1, -1), "discount"), ((0.2, 0.4, 1, 1, -1), "contact_cost")]:  # fmt: skip
        with pytest.raises(ValueError, match=said):
            offer_profit(*arguments)


def decided(values: list[list[float]], costs: float = 1.0, details: dict | None = None, **limits: object) -> list[str]:
    """Reasons of customers 0, 1, ... with offers of one campaign."""
    count = len(values[0]) if values else 1
    frame = pd.DataFrame({"offer_id": [f"o{j}" for j in range(count)], "campaign_id": "a"})
    offers = read_offers(frame.assign(stock=limits.pop("stock", np.nan)), **limits)
    chunk = read_chunk(np.arange(len(values)), np.array(values, float).reshape(-1, count), costs, offers)
    found = plan_chunks(chunk, offers, len(values), lambda: [chunk])
    return decide(chunk, offers, found.prices, found.dropped, details)["reason"].tolist()


def test_reasons() -> None:
    assert decided([[3.2], [-1.5], [np.nan]]) == [
        "incremental profit 3.20 at a cost of 1.00", "no offer pays: the best would bring -1.50", "no consent",
    ]  # fmt: skip
    details = {"without_offer": [[0.08]], "with_offer": [[0.12]], "profit_low": [[1]], "profit_high": [[5]]}
    assert decided([[3.2]], details=details) == [
        "incremental profit 3.20 (95% interval 1.00 to 5.00) at a cost of 1.00, probability 0.12 with and 0.08 without"
    ]
    assert decided([[3.0], [2.0]], budget=1)[1] == (
        "budget spent: the best offer would bring 2.00, its place goes to who brings more than 2.00"
    )
    assert decided([[3.0], [2.0]], stock=1)[1].startswith("stock spent: the best offer would bring 2.00")
    assert decided([[3.0]], budget=0) == ["budget spent: the best offer would bring 3.00"]
    assert decided([[3.0]], stock=0) == ["stock spent: the best offer would bring 3.00"]
    assert decided([[3.0]], frequency_cap=0) == ["frequency cap reached"]
    assert decided([[np.nan, np.nan]] * 3) == ["no consent"] * 3


def test_what_fits_by_itself_is_taken_where_the_best_does_not() -> None:
    """One customer, a budget of 5: the offer that costs 10 is out, the cheap one is given."""
    offers = read_offers(pd.DataFrame({"offer_id": ["dear", "cheap"], "campaign_id": "a"}), budget=5)
    chunk = read_chunk(["only"], [[100.0, 3.0]], [[10.0, 4.0]], offers)
    found = plan_chunks(chunk, offers, 1, lambda: [chunk])
    assert decide(chunk, offers, found.prices, found.dropped)["offer_id"].tolist() == ["cheap"]
    assert (found.profit, found.gap) == (3.0, 0.0)


def test_a_customers_own_cap_counts() -> None:
    frame = pd.DataFrame({"offer_id": list("xyz"), "campaign_id": list("abc")})
    offers = read_offers(frame, frequency_cap=3)
    chunk = read_chunk(["none", "one", "all"], np.tile([1.0, 3.0, 2.0], (3, 1)), 0.0, offers, caps=np.array([0, 1, 3]))
    found = plan_chunks(chunk, offers, 3, lambda: [chunk])
    rows = decide(chunk, offers, found.prices, found.dropped)
    assert rows.groupby("customer_id")["offer_id"].agg(list).to_dict() == {
        "none": [np.nan], "one": ["y"], "all": ["x", "y", "z"],
    }  # fmt: skip


@pytest.mark.parametrize("offer_count", [0, 2])
def test_nobody_and_nothing(offer_count: int) -> None:
    frame = pd.DataFrame({"offer_id": list("xy")[:offer_count], "campaign_id": ["a"] * offer_count})
    offers = read_offers(frame, budget=10)
    for n in (0, 2):
        chunk = read_chunk(np.arange(n), np.full((n, offer_count), np.nan), 0.0, offers)
        found = plan_chunks(chunk, offers, n, lambda chunk=chunk: [chunk])
        assert (found.profit, found.bound, found.gap, found.picks) == (0, 0, 0, 0)
        rows = decide(chunk, offers, found.prices, found.dropped)
        assert len(rows) == n and rows["offer_id"].isna().all()
        assert set(rows["reason"]) <= {"no consent", "there is no offer"}
    empty = plan(chunk, offers, 2, lambda prices: tally(chunk, offers, prices))
    assert list(empty.limits["limit"]) == ["budget"]


def test_pairs_become_a_chunk() -> None:
    offers = read_offers(pd.DataFrame({"offer_id": ["x", "y"], "campaign_id": "a"}))
    pairs = pd.DataFrame({"customer_id": ["p", "q", "p"], "offer_id": ["y", "x", "x"], "value": [1, 2, 3], "cost": 0.5})
    chunk = pairs_to_chunk(pairs, offers)
    assert chunk.customers.tolist() == ["p", "q"]
    np.testing.assert_array_equal(chunk.values, [[3, 1], [2, np.nan]])
    for broken, said in [
        (pairs.assign(customer_id=["p", None, "p"]), "customer_id is missing"),
        (pairs.assign(offer_id="x"), "come twice"),
        (pairs.assign(offer_id="z"), "offer_id is not among the offers: z"),
        (pairs.drop(columns="cost"), "columns of the pairs are absent: cost"),
        (pairs.assign(cost=-1.0), "costs are missing, infinite or negative"),
    ]:
        with pytest.raises(ValueError, match=said):
            pairs_to_chunk(broken, offers)


CATALOGUE = pd.DataFrame({"offer_id": ["x", "y"], "campaign_id": ["a", "b"], "stock": [3.0, np.nan]})


@pytest.mark.parametrize(
    ("frame", "arguments", "said"),
    [
        (CATALOGUE.drop(columns="campaign_id"), {}, "absent: campaign_id"),
        (CATALOGUE.assign(offer_id="x"), {}, "offer_id comes twice: x"),
        (CATALOGUE.assign(offer_id=["x", None]), {}, "offer_id is missing"),
        (CATALOGUE.assign(campaign_id=None), {}, "campaign_id is missing"),
        (CATALOGUE.assign(stock=-1), {}, "stock of x must be a number from 0"),
        (CATALOGUE.assign(stock=["3", "many"]), {}, "stock holds values that are no numbers"),
        (CATALOGUE, {"budget": -1}, "budget must be a number from 0"),
        (CATALOGUE, {"budget": float("nan")}, "budget must be a number from 0"),
        (CATALOGUE, {"campaign_budgets": {"c": 1}}, "campaign c, which has no offer"),
        (CATALOGUE, {"frequency_cap": 1.5}, "frequency_cap"),
        (CATALOGUE, {"frequency_cap": -1}, "frequency_cap"),
    ],
)
def test_broken_offers_are_named(frame: pd.DataFrame, arguments: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_offers(frame, **arguments)


@pytest.mark.parametrize(
    ("customers", "values", "costs", "caps", "said"),
    [
        (["p", "p"], [[1, 1], [1, 1]], 1, None, "customer_id comes twice: p"),
        (["p", None], [[1, 1], [1, 1]], 1, None, "customer_id is missing"),
        (["p", "q"], [[1], [1]], 1, None, "shape"),
        (["p", "q"], [[1, np.inf], [1, 1]], 1, None, "infinite"),
        (["p", "q"], [[1, 1], [1, 1]], np.nan, None, "costs are missing"),
        (["p", "q"], [[1, 1], [1, 1]], -1, None, "negative"),
        (["p", "q"], [[1, 1], [1, 1]], 1, [1, -1], "caps"),
    ],
)
def test_broken_chunks_are_named(customers: list, values: list, costs: float, caps: list | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_chunk(customers, values, costs, read_offers(CATALOGUE), caps)


def test_calls_that_cannot_be_right() -> None:
    offers = read_offers(CATALOGUE, budget=5)
    chunk = read_chunk(["p", "q"], np.ones((2, 2)), 1.0, offers)
    prices = fit_prices(chunk, offers)
    with pytest.raises(ValueError, match="sample has 2 customers, but there are 1"):
        plan_chunks(chunk, offers, 1, lambda: [chunk])
    with pytest.raises(ValueError, match="a pass saw 2 customers, but there are 3"):
        plan_chunks(chunk, offers, 3, lambda: [chunk])
    with pytest.raises(ValueError, match="scale"):
        fit_prices(chunk, offers, 0.0)
    with pytest.raises(ValueError, match="one price from 0 for each limit"):
        make_prices(np.array([-1.0, 0.0]), 1.0, offers)
    with pytest.raises(ValueError, match="with_offer must be of shape"):
        decide(chunk, offers, prices, None, {"with_offer": np.ones(3)})


def test_the_planted_oracle_uses_its_budget_and_no_plan_of_one_offer_beats_it() -> None:
    frame, before, after = simulate_customers(3_000, 1)
    truth, costs = profits(before, after)
    catalogue = pd.DataFrame({"offer_id": list("abcd"), "campaign_id": list("ppqq")})
    offers = read_offers(catalogue, budget=900)
    given, found = given_offers(frame, truth, costs, offers)
    assert found.gap < 0.005 and costs[given].sum() <= 900
    for offer in range(4):
        best = np.argsort(-truth[:, offer] / costs[:, offer])
        alone = truth[best, offer][(np.cumsum(costs[best, offer]) <= 900) & (truth[best, offer] > 0)].sum()
        assert alone < found.profit
    assert replace(found, bound=found.profit).gap == 0


def test_assign_takes_the_best_of_each_campaign() -> None:
    """By hand, at prices: 1 per unit of budget and 0.5 per piece of x."""
    frame = pd.DataFrame({"offer_id": ["x", "y", "z"], "campaign_id": ["a", "a", "b"], "stock": [9, None, None]})
    offers = read_offers(frame, budget=100, frequency_cap=2)
    chunk = read_chunk(["p", "q"], [[3, 2.4, 1.5], [3, 1, 0.5]], [[1, 1, 1], [1, 1, 1]], offers)
    picks = assign(chunk, offers, make_prices(np.array([1.0, 0.5]), 1.0, offers))
    assert list(zip(picks.row.tolist(), picks.offer.tolist(), strict=True)) == [(0, 0), (0, 2), (1, 0)]
    assert picks.profit == pytest.approx([1.5, 0.5, 1.5], abs=JITTER)
    assert picks.bound == pytest.approx(3.5)
